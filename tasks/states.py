"""What became of a stage, as the state of a Prefect run: what a person sees in the UI, and what other workers read."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from prefect.client.schemas.objects import State
from prefect.logging import get_logger
from prefect.states import Completed, Failed

from saga_core.errors import SagaError, StageError, UserError
from tasks.session import DamagedInputError, Outcome

INVALID = "Invalid input"
REFUSED = "Refused"

_NAMES = {"cached": "Cached", "skipped": "Skipped", "computed": "Completed", "refused": REFUSED}


def state_of(outcome: Outcome) -> State[Outcome]:
    """Return a completed state that is named for what became of a stage."""
    return Completed(name=_NAMES[outcome.state], message=outcome.why, data=outcome)


def state_of_failure(error: SagaError) -> State[Outcome]:
    """Return a failed state with the one line that a person reads; its result raises the error again.

    A mistake in the input has a name of its own. Raised instead, the error would fill the run's log with a traceback.
    """
    # A worker's process raises it once more when the flow has returned, and logs that.
    get_logger("flow_runs").addFilter(_is_news)
    name = INVALID if isinstance(error, UserError) else "Failed"
    # Prefect's type is for what a run returns when all is well.
    return Failed(name=name, message=str(error), data=error)  # type: ignore[arg-type]


def _is_news(record: logging.LogRecord) -> bool:
    """Keep the traceback of an error that the run's state tells in one line off the run's page."""
    return record.exc_info is None or not isinstance(record.exc_info[1], SagaError)


def refusal_of(state: State[object], inputs: Iterable[str]) -> DamagedInputError | None:
    """Return the damaged input because of which another worker's run refused, or None where it did not.

    Args:
        state: Its final state.
        inputs: Names of the stage's inputs.
    """
    if state.name != REFUSED:
        return None
    told = state.message or ""
    # The state carries its message alone: nothing of a run's own data is persisted.
    damaged = next((name for name in inputs if told.startswith(f"its input {name} is damaged")), "")
    return DamagedInputError(told, damaged)


def failure_of(state: State[object], run: str) -> SagaError | None:
    """Return the error with which another worker's run ended, or None where it ended well.

    Args:
        state: Its final state.
        run: Its name, for people.
    """
    if state.is_completed():
        return None
    if state.name == INVALID:
        return UserError(state.message or "invalid input")
    if state.is_failed() and state.message:
        return StageError(state.message)
    what = (
        f"its run {run} {'was cancelled' if state.is_cancelled() else 'ended as ' + (state.name or state.type.value)}"
    )
    return StageError(f"{what}: {state.message}" if state.message else what, "", "run again to go on from what is kept")
