"""Runs started as the user interface starts them, and what a server then says of them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock
from uuid import UUID

from e2e_command import SMALL
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterParentFlowRunId,
    TaskRunFilter,
    TaskRunFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from tasks.pipeline import STAGE_NAMES
from tests.deployments.server import Server

# Of ids in one question: the server answers with 200 rows, and a run of ours has up to 40 tasks.
_RUNS, _PAGE = 5, 200


@contextmanager
def client_of(server: Server) -> Iterator[SyncPrefectClient]:
    """A client of the server's API, in a process that finds the server's store in its environment."""
    settings = {PREFECT_API_URL: server.settings.api_url, PREFECT_API_AUTH_STRING: server.settings.auth_string}
    store = {k: v for k, v in server.environment_of_client().items() if k.startswith(("AWS_", "SAGA_"))}
    with (
        mock.patch.dict(os.environ, store),
        temporary_settings(settings),
        get_client(sync_client=True) as client,
    ):
        yield client


def small(*more: str) -> list[str]:
    """Return the settings of a small run; later ones come before earlier ones."""
    return [*SMALL, *more]


def press(
    client: SyncPrefectClient, overrides: Sequence[str], until: str = STAGE_NAMES[-1], refresh: Sequence[str] = ()
) -> UUID:
    """Start a run of the demo, as the button does."""
    deployment = client.read_deployment_by_name("align/demo")
    parameters = {"overrides": list(overrides), "until": until, "refresh": list(refresh)}
    return client.create_flow_run_from_deployment(deployment.id, parameters=parameters).id


def read(client: SyncPrefectClient, ids: Sequence[UUID]) -> dict[UUID, FlowRun]:
    """Return runs by id."""
    found: dict[UUID, FlowRun] = {}
    for part in _parts(ids):
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=part))
        found |= {run.id: run for run in client.read_flow_runs(flow_run_filter=wanted, limit=_PAGE)}
    return found


def stages(client: SyncPrefectClient, ids: Sequence[UUID]) -> dict[UUID, list[TaskRun]]:
    """Return the task runs of runs: one a stage."""
    found: dict[UUID, list[TaskRun]] = {id_: [] for id_ in ids}
    for part in _parts(ids):
        wanted = TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=part))
        for run in client.read_task_runs(task_run_filter=wanted, limit=_PAGE):
            assert run.flow_run_id
            found[run.flow_run_id].append(run)
    return found


def children(client: SyncPrefectClient, parents: Sequence[UUID]) -> list[FlowRun]:
    """Return the runs that runs have sent to the pools."""
    found: list[FlowRun] = []
    for part in _parts(parents):
        wanted = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=part))
        found += client.read_flow_runs(flow_run_filter=wanted, limit=_PAGE)
    return found


def _parts(ids: Sequence[UUID]) -> list[list[UUID]]:
    return [list(ids[first : first + _RUNS]) for first in range(0, len(ids), _RUNS)]
