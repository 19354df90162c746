"""Prefect's process worker, with the options of ``prefect worker start``: ``python -m deployments.worker --pool NAME``.

With ``--limit`` the worker of Prefect 3.8.8 dies when a run that has failed is retried before its process is gone: it
books a place for a run that still holds one, and takes that for a mistake of its own. Here such a run waits a poll.

It also keeps what ended runs needed, megabytes of certificates for each: in objects that hold each other, which Python
seldom looks for, and in pieces that the C library keeps. Here both are handed back after each run.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import warnings
from typing import TYPE_CHECKING, Any

from prefect.workers.process import ProcessWorker

if TYPE_CHECKING:
    import anyio.abc
    from prefect.client.schemas.objects import FlowRun, WorkerFlowRunResponse
    from prefect.workers.process import ProcessJobConfiguration, ProcessWorkerResult

# glibc's; the C libraries that have none hold less.
_hand_back = getattr(ctypes.CDLL(None), "malloc_trim", None)

with warnings.catch_warnings():
    # Of the same type on purpose: it is for the same pools, and the command looks workers up by their type.
    warnings.simplefilter("ignore", UserWarning)

    class Worker(ProcessWorker):
        """Prefect's worker, which lets a run wait that is retried while its last process is ending."""

        type = ProcessWorker.type

        async def _submit_scheduled_flow_runs(self, flow_run_response: list[WorkerFlowRunResponse]) -> list[FlowRun]:
            held: tuple[Any, ...] = self._limiter.statistics().borrowers if self._limiter else ()
            ready = [response for response in flow_run_response if response.flow_run.id not in held]
            return await super()._submit_scheduled_flow_runs(ready)

        async def run(
            self,
            flow_run: FlowRun,
            configuration: ProcessJobConfiguration,
            task_status: anyio.abc.TaskStatus[int] | None = None,
        ) -> ProcessWorkerResult:
            """Run one, as Prefect's worker does, then hand memory back."""
            try:
                return await super().run(flow_run, configuration, task_status)
            finally:
                gc.collect()
                if _hand_back:
                    _hand_back(0)


def main() -> None:
    """Start it."""
    from prefect.cli import app

    sys.argv[1:] = ["worker", "start", "--type", Worker.type, *sys.argv[1:]]
    app()


if __name__ == "__main__":
    main()
