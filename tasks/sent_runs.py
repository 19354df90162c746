"""Flow runs that are sent to a work pool on behalf of a task: sent once, waited for, and never left behind."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any, cast
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Cancelling

from saga_core.errors import StageError, UserError
from saga_core.telling import tell
from tasks.prefect_api import patiently
from tasks.stage import Pool
from tasks.states import failure_of, refusal_of

FLOW = "saga-stage"

# Runs; a server answers with 200 at most.
_QUESTION = 100
_CANCEL_TRIES = 3
_CANCEL_SECONDS = 2.0


class SentRuns:
    """The flow runs that one task has sent to a pool; those that have not ended when the task does are cancelled.

    Args:
        pool: Where to.
        inputs: Names of the stage's inputs.
    """

    def __init__(self, pool: Pool, inputs: Iterable[str]) -> None:
        self._deployment = f"{FLOW}/{pool}"
        self._inputs = tuple(inputs)
        self._runs: dict[UUID, FlowRun] = {}

    def __enter__(self) -> SentRuns:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for run in self._runs.values():
            if not _has_ended(run):
                _cancel(run)

    def send(self, parameters: Mapping[str, Any], name: str) -> UUID:
        """Send a run; a request that is repeated because its answer was lost makes no second one.

        Args:
            parameters: Parameters of the flow.
            name: Name of the flow run.

        Returns:
            Its id.

        Raises:
            UserError: The server has no such deployment.
            StageError: The server does not answer.
        """
        # Of this request alone: with a constant key, a stage that is tried again is given its failed run.
        key = secrets.token_hex(16)
        try:
            run = patiently(partial(self._send, dict(parameters), name, key))
        except ObjectNotFound as error:
            remedy = "run python -m deployments.deploy"
            raise UserError("the server has no such deployment", self._deployment, remedy) from error
        self._runs[run.id] = run
        return run.id

    def _send(self, parameters: dict[str, Any], name: str, key: str) -> FlowRun:
        # Called in a task that is no coroutine, so it is no coroutine either.
        return cast(
            FlowRun,
            run_deployment(self._deployment, parameters=parameters, flow_run_name=name, timeout=0, idempotency_key=key),
        )

    def look(self) -> None:
        """Ask the server what became of the runs.

        Raises:
            UserError: One of them found a mistake in the input.
            DamagedInputError: One of them found an input damaged.
            StageError: One of them failed, crashed or was cancelled.
        """
        going = self.unfinished()
        with get_client(sync_client=True) as client:
            # One question for many runs: the server, too, computes on somebody's cores.
            for start in range(0, len(going), _QUESTION):
                ids = going[start : start + _QUESTION]
                wanted = FlowRunFilter(id=FlowRunFilterId(any_=ids))
                found = patiently(partial(client.read_flow_runs, flow_run_filter=wanted, limit=_QUESTION))
                self._runs |= {run.id: run for run in found}
                if gone := set(ids) - {run.id for run in found}:
                    name = self._runs[gone.pop()].name
                    raise StageError(f"its run {name} was deleted", "", "run again to go on")
        for run in self._runs.values():
            if run.state is None or not run.state.is_final():
                continue
            if wrong := refusal_of(run.state, self._inputs) or failure_of(run.state, run.name):
                raise wrong

    def unfinished(self) -> list[UUID]:
        """Return the runs that had not ended when it was looked last."""
        return [run.id for run in self._runs.values() if not _has_ended(run)]

    def not_begun(self) -> list[UUID]:
        """Return the runs that no worker had begun when it was looked last."""
        waiting = (StateType.SCHEDULED, StateType.PENDING)
        return [run.id for run in self._runs.values() if run.state is None or run.state.type in waiting]

    def state_names(self) -> list[str]:
        """Return the names of the runs' states when it was looked last."""
        return [run.state.name or "" for run in self._runs.values() if run.state is not None]

    def take_back(self, run: UUID) -> None:
        """Cancel a run whose work is done elsewhere."""
        _cancel(self._runs.pop(run))


def _has_ended(run: FlowRun) -> bool:
    return run.state is not None and run.state.is_final()


def _cancel(run: FlowRun) -> None:
    """Have a run ended; not at any price, since whoever asks is about to end too."""
    for _ in range(_CANCEL_TRIES):
        try:
            with get_client(sync_client=True) as client:
                client.set_flow_run_state(run.id, Cancelling(message="whoever asked for it has ended"))
            return
        except ObjectNotFound:
            # Somebody removed it.
            return
        except (httpx.TransportError, PrefectHTTPStatusError) as error:
            told = error
            time.sleep(_CANCEL_SECONDS)
    tell(f"  run {run.name} could not be cancelled: {told}")
