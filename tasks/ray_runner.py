"""Prefect's task runner for Ray, whose tasks have told the server how they ended before Ray ends their worker."""

from __future__ import annotations

from typing import Any

# Prefect's extra for Ray is optional: who imports this has asked whether it is there.
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect_ray import RayTaskRunner

_SECONDS = 5.0


class TellingRayRunner(RayTaskRunner[Any]):  # type: ignore[misc]
    """A ``RayTaskRunner`` whose workers send a task's last state and its logs before they hand over its result.

    Ray kills a job's idle workers when the job ends. Both are sent from threads, and were lost.
    """

    @staticmethod
    def _run_prefect_task(*references: Any, **arguments: Any) -> Any:  # noqa: ANN401 - Prefect's own
        try:
            return RayTaskRunner._run_prefect_task(*references, **arguments)
        finally:
            EventsWorker.drain_all(timeout=_SECONDS)
            APILogWorker.drain_all(timeout=_SECONDS)
