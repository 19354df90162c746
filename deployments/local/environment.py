"""What the processes of a server find in their environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from deployments.automations import HEARTBEAT
from deployments.local.folder import Folder
from deployments.local.settings import Settings

# Of the person's own server, store and database, not of this one.
_FOREIGN = ("PREFECT_", "AWS_", "PG", "CEPH_", "SAGA_")
# Of ours, what says how to start a server or is only for deploying, and what is set for the workers here.
_NOT_FOR_WORKERS = ("SAGA_SERVER_", "SAGA_NOTIFY_", "SAGA_API_", "SAGA_POSTGRES_", "SAGA_S3_", "SAGA_GPU")


def plain() -> dict[str, str]:
    """Return this process's environment without what leads to another server or store, or only concerns SAGA."""
    return {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN)}


def of_client(folder: Folder, settings: Settings) -> dict[str, str]:
    """Return the environment of what talks to API and store."""
    # No profile of the person's, and no database of an ephemeral server.
    home = {"PREFECT_HOME": str(folder.path / "prefect"), "DO_NOT_TRACK": "1"}
    return plain() | settings.client_environment() | home


def of_worker(folder: Folder, settings: Settings, more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a worker, which the runs inherit."""
    ours = {key: value for key, value in os.environ.items() if key.startswith("SAGA_")}
    passed = {key: value for key, value in ours.items() if not key.startswith(_NOT_FOR_WORKERS)}
    return (
        passed
        | of_client(folder, settings)
        | {
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT),
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            "PREFECT_LOGGING_EXTRA_LOGGERS": "saga_core,transformers,trl",
            **more,
        }
    )
