"""Work pools and queues: made where they are missing, their limits set, what a person paused left paused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from deployments.entry import Entry
from deployments.names import CPU_POOL, DEFAULT_QUEUE, GPU_POOL, RUNS_A_LANGUAGE

_POOLS = {
    CPU_POOL: "Whole runs, and the stages that need no GPU. One queue a language, in which one run goes on at a time.",
    GPU_POOL: "Stages that need a GPU. A worker takes one at a time (--limit 1); start one a GPU.",
}


def deploy_pools(client: SyncPrefectClient, entries: Iterable[Entry]) -> Iterator[str]:
    """Make pools and queues as the deployments need them.

    Yields:
        What was changed, a line each.
    """
    for name, description in _POOLS.items():
        yield from _pool(client, name, description)
    used = {(entry.work_pool.name, entry.work_pool.work_queue_name) for entry in entries}
    for pool, queue in sorted(used):
        yield from _queue(client, pool, queue, None if queue == DEFAULT_QUEUE else RUNS_A_LANGUAGE)


def _pool(client: SyncPrefectClient, name: str, description: str) -> Iterator[str]:
    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        client.create_work_pool(
            WorkPoolCreate(name=name, type="process", description=description, base_job_template=_job_template())
        )
        yield f"pool {name}: made"
        return
    # The type and the job template may be an operator's own: a Kubernetes pool of this name serves as well.
    if pool.description != description:
        client.update_work_pool(name, WorkPoolUpdate(description=description))
        yield f"pool {name}: description"


def _job_template() -> dict[str, Any]:
    """Return Prefect's own template, less what would let whoever starts a run choose its command or environment."""
    template = ProcessWorker.get_default_base_job_template()
    for name in ("command", "env", "working_dir"):
        del template["job_configuration"][name]
        del template["variables"]["properties"][name]
    return template


def _queue(client: SyncPrefectClient, pool: str, name: str, limit: int | None) -> Iterator[str]:
    try:
        queue = client.read_work_queue_by_name(name, work_pool_name=pool)
    except ObjectNotFound:
        queue = client.create_work_queue(name=name, work_pool_name=pool, concurrency_limit=limit)
        yield f"queue {pool}/{name}: made"
    if limit is not None and queue.concurrency_limit != limit:
        client.update_work_queue(queue.id, concurrency_limit=limit)
        yield f"queue {pool}/{name}: limit {limit}"
