"""Plan and run of a toy pipeline: what is cached, what runs, what is skipped, and why."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from saga_core.artifacts.tables import read_json, write_json
from saga_core.errors import StageError
from saga_core.recipe import Recipe
from tasks.plan import Planned, make_plan, outcomes_of
from tasks.runner import resolve
from tasks.session import Outcome, Session
from tasks.stage import Stage, Work

OpenDemo = Callable[..., Session]


def _base(work: Work) -> dict[str, Any]:
    write_json(work.out / "value.json", work.recipe.seed)
    return {"value": work.recipe.seed}


def _gate(work: Work) -> dict[str, Any]:
    return {"run_sft": work.recipe.sft.tau > 0.5}


def _sum(work: Work) -> dict[str, Any]:
    total = sum(read_json(path / "value.json") for path in work.inputs.values())
    # Parity only, so that an input may change without changing this output.
    write_json(work.out / "value.json", total % 2)
    return {"value": total % 2}


def _skip(recipe: Recipe, seen: Mapping[str, Mapping[str, Any]]) -> str | None:
    return None if "gate" not in seen or seen["gate"]["run_sft"] else "the gate is shut"


TOY = (
    Stage("base", 1, lambda recipe: {"seed": recipe.seed}, _base),
    Stage("gate", 1, lambda recipe: {"tau": recipe.sft.tau}, _gate, inputs=("base",)),
    Stage("extra", 1, lambda recipe: {}, _base, inputs=("base",), consults=lambda recipe: ("gate",), skip=_skip),
    Stage("total", 1, lambda recipe: {"beta": recipe.dpo.beta}, _sum, inputs=("base", "extra")),
    Stage("last", 1, lambda recipe: {}, _sum, inputs=("total",)),
)


def run(session: Session, stages: Sequence[Stage] = TOY) -> dict[str, Outcome]:
    done: dict[str, Outcome] = {}
    for stage in stages:
        done[stage.name] = resolve(
            stage, session, {n: done[n] for n in (*stage.inputs, *stage.consults(session.recipe))}
        )
    return done


def states(items: Sequence[Planned | Outcome]) -> dict[str, str]:
    return {item.stage: item.state for item in items}


def test_before_anything_is_measured_the_stage_behind_the_gate_is_undecided(open_demo: OpenDemo) -> None:
    plan = make_plan(open_demo(), TOY)
    assert states(plan) == {"base": "run", "gate": "run", "extra": "undecided", "total": "run", "last": "run"}
    assert plan[0].why == "never made in this store"
    assert plan[2].why == "waits for the decision of gate"
    assert plan[3].why == "its input base will run"


@pytest.mark.parametrize(("tau", "extra"), [(0.9, "cached"), (0.1, "skip")])
def test_after_a_run_everything_is_cached_or_skipped(open_demo: OpenDemo, tau: float, extra: str) -> None:
    session = open_demo(f"sft.tau={tau}")
    first = run(session)
    plan = make_plan(session, TOY)
    assert states(plan) == {"base": "cached", "gate": "cached", "extra": extra, "total": "cached", "last": "cached"}
    again = outcomes_of(plan, session)
    assert again is not None
    assert {o.stage: o.reference for o in again} == {name: o.reference for name, o in first.items()}


def test_one_setting_runs_its_stage_and_what_depends_on_it(open_demo: OpenDemo) -> None:
    run(open_demo())
    changed = open_demo("dpo.beta=0.2")
    plan = make_plan(changed, TOY)
    assert states(plan) == {"base": "cached", "gate": "cached", "extra": "cached", "total": "run", "last": "run"}
    assert plan[3].why == "beta 0.1 → 0.2"
    assert plan[4].why == "its input total will run"


def test_an_unchanged_output_stops_the_cascade(open_demo: OpenDemo) -> None:
    run(open_demo("seed=1", "sft.tau=0.1"))
    done = run(open_demo("seed=3", "sft.tau=0.1"))
    assert states(list(done.values())) == {
        "base": "computed",
        "gate": "computed",
        "extra": "skipped",
        "total": "computed",
        "last": "cached",
    }


def test_a_gate_that_decides_alike_makes_nothing_again(open_demo: OpenDemo) -> None:
    run(open_demo("sft.tau=0.9"))
    done = run(open_demo("sft.tau=0.8"))
    assert [o.stage for o in done.values() if o.state == "computed"] == ["gate"]


def test_refresh_computes_the_stage_and_equal_outputs_keep_the_rest(open_demo: OpenDemo) -> None:
    run(open_demo())
    session = open_demo(refresh=frozenset({"total"}))
    assert make_plan(session, TOY)[3].why == "asked for by --refresh"
    done = run(session)
    assert [o.stage for o in done.values() if o.state == "computed"] == ["total"]


def test_a_damaged_artifact_is_made_again_and_kept_aside(open_demo: OpenDemo) -> None:
    session = open_demo()
    first = run(session)
    store = session.store
    reference = first["total"].reference
    assert reference
    (store.fetch(reference) / "value.json").unlink()
    plan = make_plan(session, TOY)
    assert plan[3].state == "run"
    assert "value.json is missing" in plan[3].why
    done = run(session)
    assert [o.stage for o in done.values() if o.state == "computed"] == ["total"]
    assert done["last"].reference == first["last"].reference


def test_a_failing_stage_keeps_what_was_stored(open_demo: OpenDemo) -> None:
    def fail(work: Work) -> dict[str, Any]:
        (work.out / "half").write_text("half")
        raise StageError("it broke")

    session = open_demo()
    first = run(session)
    broken = (*TOY, Stage("broken", 1, lambda recipe: {}, fail, inputs=("last",)))
    with pytest.raises(StageError, match="it broke"):
        run(session, broken)
    assert {n: o.reference for n, o in run(session).items()} == {n: o.reference for n, o in first.items()}
    assert make_plan(session, broken)[-1].why == "never made in this store"
