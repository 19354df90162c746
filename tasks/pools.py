"""Stages made in work pools: the GPU stages and the shards of rows, as runs of one deployment; references come back."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from prefect.context import FlowRunContext, TaskRunContext

from saga_core.artifacts.record import Reference
from saga_core.artifacts.shards import Shards, Spread
from saga_core.errors import StageError, UserError
from tasks.order import Order, order_for, share_out
from tasks.prefect_api import places
from tasks.sent_runs import SentRuns
from tasks.session import DamagedInputError, Lookup, Outcome, Session
from tasks.stage import Pool, Stage

POOLS: Mapping[Pool, str] = {"cpu": "saga-cpu", "gpu": "saga-gpu"}

# What ends soon is noticed soon; of what takes minutes the server is asked less often, for it needs the same cores.
_FIRST_POLL, _LAST_POLL = 0.5, 3.0
_POLLS_A_WAIT = 40
_COUNT_SECONDS = 5.0


def uses_pools() -> bool:
    """Say whether this machine sends GPU stages to a pool, as ``SAGA_GPU`` says; default: all is made here.

    Raises:
        UserError: ``SAGA_GPU`` is neither ``inline`` nor ``pool``.
    """
    place = os.environ.get("SAGA_GPU") or "inline"
    if place not in ("inline", "pool"):
        raise UserError(f"{place!r} is neither inline nor pool", "SAGA_GPU", "correct or unset it")
    return place == "pool"


def compute_in_pools(stage: Stage, session: Session, lookup: Lookup, inputs: Mapping[str, Reference]) -> Outcome:
    """Have a stage made where it belongs, and return what became of it.

    Args:
        stage: The stage.
        session: The run's recipe, outside inputs and store.
        lookup: What the store said of the stage.
        inputs: References of its inputs.

    Raises:
        SagaError: It failed, here or there.
    """
    order = order_for(stage, session, lookup, dict(inputs))
    if stage.rows is not None:
        return session.compute(stage, lookup, inputs, lambda lease: _spread(stage.pool, order, lease))
    if stage.pool == "cpu":
        return session.compute(stage, lookup, inputs)
    return _elsewhere(stage, session, lookup, order)


def _elsewhere(stage: Stage, session: Session, lookup: Lookup, order: Order) -> Outcome:
    """Have a whole stage made by another worker, which commits it."""
    start = time.monotonic()
    before = session.made(stage, lookup, None) if order.refresh else None
    with SentRuns(stage.pool, order.inputs) as sent:
        try:
            sent.send(_parameters(order), f"{stage.name} of {session.run}")
            _wait(sent)
        except DamagedInputError as error:
            return Outcome(stage.name, "refused", error.what, damaged=error.where)
        names = sent.state_names()
    record = session.made(stage, lookup, before)
    if record is None:
        raise StageError("its run ended well, and its artifact is not in the store", stage.name, "run it again")
    if names == ["Cached"]:
        return session.cached(lookup, record)
    seconds = time.monotonic() - start
    return Outcome(stage.name, "computed", lookup.why, session.store.reference(record), seconds, record.headline)


def _spread(pool: Pool, order: Order, lease: int | None) -> Spread:
    def spread(shards: Shards[Any]) -> None:
        missing = shards.missing()
        here = pool == "cpu"
        shares = share_out(missing, places(POOLS[pool]))
        with SentRuns(pool, order.inputs) as sent:
            theirs = {}
            for number, share in enumerate(shares[1:] if here else shares, 1):
                part = order.model_copy(update={"shards": tuple(share), "lease": lease})
                name = f"{order.stage} {number} of {len(shares) - here}"
                theirs[sent.send(_parameters(part), name)] = share
            if here:
                shards.make(shares[0])
                # A worker that is busy with another run is not waited for.
                sent.look()
                for run in sent.not_begun():
                    sent.take_back(run)
                    shards.make(theirs[run])
            _wait(sent, shards)

    return spread


def _wait(sent: SentRuns, shards: Shards[Any] | None = None) -> None:
    """Wait until all runs have ended, and count the shards that they have made."""
    counted = begun = time.monotonic()
    while True:
        sent.look()
        ended = not sent.unfinished()
        if shards is not None and (ended or time.monotonic() - counted > _COUNT_SECONDS):
            counted = time.monotonic()
            shards.missing()
        if ended:
            return
        waited = time.monotonic() - begun
        time.sleep(min(max(waited / _POLLS_A_WAIT, _FIRST_POLL), _LAST_POLL))


def _parameters(order: Order) -> dict[str, Any]:
    """Return an order as parameters of the flow, with the task run that waits for it."""
    task, flow = TaskRunContext.get(), FlowRunContext.get()
    waiting = {
        "task_run": task.task_run.id if task else None,
        "flow_run": flow.flow_run.id if flow and flow.flow_run else None,
    }
    return {"order": order.model_copy(update=waiting).model_dump(mode="json")}
