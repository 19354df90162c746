"""A worker of each pool."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from deployments.local.environment import of_worker
from deployments.local.folder import Folder
from deployments.local.service import Service
from deployments.local.settings import Settings
from deployments.names import CPU_POOL, GPU_POOL

# Whole runs mostly wait for their stages; more of them at once would want more memory than a small machine has.
_RUNS = 4


def workers(folder: Folder, settings: Settings) -> tuple[Service, Service]:
    """Return the workers of the CPU pool and of the GPU pool."""
    cores = len(os.sched_getaffinity(0))
    cpu = {"SAGA_GPU": "pool", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(max(1, cores // _RUNS)))}
    return (
        _worker(folder, settings, CPU_POOL, 1, _RUNS, cpu),
        gpu_worker(folder, settings, 1),
    )


def gpu_worker(folder: Folder, settings: Settings, number: int) -> Service:
    """Return one worker of the GPU pool; the pool shares generation and scoring out among as many as it has."""
    # One training a GPU: it takes the next stage when the last has ended.
    return _worker(folder, settings, GPU_POOL, number, 1, {})


def has_gpu() -> bool:
    """Whether this machine has a GPU that its driver knows."""
    lists = shutil.which("nvidia-smi")
    return lists is not None and subprocess.run([lists, "-L"], check=False, capture_output=True).returncode == 0


def _worker(folder: Folder, settings: Settings, pool: str, number: int, limit: int, more: dict[str, str]) -> Service:
    name, since = f"{pool}-{number}", datetime.now(UTC)
    start = ("deployments.worker", "--pool", pool, "--name", name, "--limit", str(limit))
    return Service(
        name=name,
        # What it runs computes for hours; server, database and store answer between, and people wait for them.
        command=("nice", sys.executable, "-m", *start),
        environment=of_worker(folder, settings, more),
        ready=lambda: _online(settings, pool, name, since),
        seconds=90,
        # Its runs too, which tell the server that they were ended; what is done of them is stored.
        stop_family=True,
    )


def _online(settings: Settings, pool: str, name: str, since: datetime) -> bool:
    """Whether the worker has told the server of itself; one of that name may have done so before."""
    server = {PREFECT_API_URL: settings.api_url, PREFECT_API_AUTH_STRING: settings.auth_string}
    with temporary_settings(server), get_client(sync_client=True) as client:
        known = client.read_workers_for_work_pool(pool)
    return any(each.name == name and each.last_heartbeat_time and each.last_heartbeat_time >= since for each in known)
