"""What one worker asks of another, carried out on a real store."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from saga_core.artifacts.record import Reference
from saga_core.artifacts.shards import Shards
from saga_core.artifacts.store import Store
from saga_core.errors import LeaseLostError, StageError, StoreError, UserError
from tasks import data, scores
from tasks.order import Order, carry_out, order_for
from tasks.pipeline import PIPELINE
from tasks.runner import resolve
from tasks.session import Lookup, Outcome, Session

OpenDemo = Callable[..., Session]
SMALL = ("corpus.prompts=6", "corpus.train_sentences=6", "corpus.heldout_prompts=4", "corpus.heldout_documents=2",
         "corpus.sources.0.limit=20", "generation.max_new_tokens=8", "generation.per_temperature=1",
         "sft.mode=skip", "runtime.shard_rows=4")  # fmt: skip


def run_to(session: Session, last: str) -> dict[str, Outcome]:
    done: dict[str, Outcome] = {}
    for stage in PIPELINE[: [stage.name for stage in PIPELINE].index(last) + 1]:
        needed = {name: done[name] for name in (*stage.inputs, *stage.consults(session.recipe)) if name in done}
        done[stage.name] = resolve(stage, session, needed)
    return done


def asked(session: Session, done: dict[str, Outcome]) -> tuple[Lookup, dict[str, Reference]]:
    reference = done["candidates"].reference
    assert reference is not None
    return session.look_up(scores.STAGE, {"candidates": reference}), {"candidates": reference}


@pytest.mark.slow
def test_shards_that_others_make_give_the_same_artifact(open_demo: OpenDemo, tmp_path: Path) -> None:
    session = open_demo(*SMALL)
    done = run_to(session, "candidates")
    lookup, inputs = asked(session, done)
    orders: list[Order] = []

    def spread(lease: int | None) -> Callable[[Shards[Any]], None]:
        def share(shards: Shards[Any]) -> None:
            missing = shards.missing()
            for part in (missing[:1], missing[1:]):
                order = order_for(scores.STAGE, session, lookup, inputs)
                orders.append(order.model_copy(update={"shards": tuple(part), "lease": lease}))
                assert carry_out(orders[-1]).state == "computed"

        return share

    there = session.compute(scores.STAGE, lookup, inputs, spread)
    # The same in a store of its own, all in one process.
    alone = open_demo(*SMALL)
    alone = dataclasses.replace(alone, store=Store(str(tmp_path / "other")))
    here = run_to(alone, "scores")["scores"]
    assert there.state == here.state == "computed"
    assert there.reference is not None
    assert here.reference is not None
    assert there.reference.digest == here.reference.digest
    # The holder has ended: whoever still works for it stops before it writes.
    with pytest.raises(LeaseLostError):
        carry_out(orders[0])


def test_a_whole_stage_is_made_committed_and_then_cached(open_demo: OpenDemo) -> None:
    session = open_demo(*SMALL)
    lookup = session.look_up(data.STAGE, {})
    order = order_for(data.STAGE, session, lookup, {})
    assert carry_out(Order.model_validate_json(order.model_dump_json())).state == "computed"
    assert session.made(data.STAGE, lookup, None) is not None
    assert carry_out(order).state == "cached"


def test_what_is_distrusted_is_hashed_where_it_is_made(open_demo: OpenDemo) -> None:
    session = open_demo(*SMALL)
    made = resolve(data.STAGE, session, {})
    assert made.reference is not None
    # Same size, other bytes: no listing tells.
    path = next(Path(made.reference.uri).glob("*.parquet"))
    path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))
    distrusting = dataclasses.replace(session, store=Store(session.store.uri), distrusted=frozenset({"data"}))
    order = order_for(data.STAGE, distrusting, distrusting.look_up(data.STAGE, {}), {})
    assert carry_out(order).state == "computed"
    assert carry_out(order).state == "cached"


def test_shards_of_another_size_are_refused(open_demo: OpenDemo) -> None:
    session = open_demo(*SMALL)
    lookup, inputs = asked(session, run_to(session, "candidates"))
    order = order_for(scores.STAGE, session, lookup, inputs)
    with pytest.raises(StoreError, match=r"no such shard of scores: .*; give all workers the same version"):
        carry_out(order.model_copy(update={"shards": ("scores-00000000-00000999",)}))


def test_a_worker_that_sees_another_recipe_refuses(open_demo: OpenDemo) -> None:
    session = open_demo(*SMALL)
    order = order_for(data.STAGE, session, session.look_up(data.STAGE, {}), {})
    other = order.model_copy(update={"overrides": (*order.overrides, "seed=7")})
    with pytest.raises(StageError, match="another artifact than the one asked for"):
        carry_out(other)
    assert session.store.records("data") == []


def test_an_unknown_stage_is_one_line(open_demo: OpenDemo) -> None:
    session = open_demo(*SMALL)
    order = order_for(data.STAGE, session, session.look_up(data.STAGE, {}), {})
    with pytest.raises(UserError, match="unknown stage dat; did you mean data"):
        carry_out(order.model_copy(update={"stage": "dat"}))


@pytest.mark.parametrize("stage", ["../../etc", "runs", ""])
def test_an_input_leads_nowhere_but_to_its_stage(stage: str) -> None:
    reference = {"stage": stage, "key": "0" * 64, "digest": "0" * 64, "uri": "x"}
    with pytest.raises(ValidationError, match="is no stage"):
        Order(stage="pairs", key="0" * 64, recipe="demo", store="x", inputs={"data": reference})
