"""Questions to a Prefect server that may be away for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import WorkerFilter, WorkerFilterStatus
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from saga_core.errors import StageError, UserError
from saga_core.telling import tell

# A server that is started again is back within a minute or two.
_OUTAGE_SECONDS = 600.0
_POLL_SECONDS = 2.0
_SERVER_ERROR = 500

Answer = TypeVar("Answer")


def patiently(ask: Callable[[], Answer]) -> Answer:
    """Ask the server, and ask again while it is away.

    Raises:
        StageError: It has not answered for ten minutes.
    """
    until, said = time.monotonic() + _OUTAGE_SECONDS, False
    while True:
        try:
            return ask()
        except (httpx.TransportError, PrefectHTTPStatusError) as error:
            if isinstance(error, PrefectHTTPStatusError) and error.response.status_code < _SERVER_ERROR:
                raise
            if time.monotonic() > until:
                raise StageError("the Prefect server does not answer", "PREFECT_API_URL", "start it again") from error
            if not said:
                tell("  the Prefect server does not answer; trying again")
            said = True
            time.sleep(_POLL_SECONDS)


def places(pool: str) -> int:
    """Return how many runs a pool can work on at once, at least one.

    A process pool has a place a worker, since each is started for one run at a time; any other pool, whose one worker
    starts a job a run, as many as its concurrency limit says.

    Raises:
        UserError: The server has no such pool.
        StageError: The server does not answer.
    """
    online = WorkerFilter(status=WorkerFilterStatus(any_=["ONLINE"]))
    with get_client(sync_client=True) as client:
        try:
            found = patiently(lambda: client.read_work_pool(pool))
        except ObjectNotFound as error:
            raise UserError(
                "the server has no such work pool", pool, "python -m deployments.deploy makes it"
            ) from error
        if found.type != "process":
            return found.concurrency_limit or 1
        workers = patiently(lambda: client.read_workers_for_work_pool(pool, worker_filter=online))
    if not workers:
        tell(f"  no worker of the pool {pool} is online: waiting for one")
    return max(1, len(workers))
