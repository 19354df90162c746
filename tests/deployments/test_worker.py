"""What our worker does that Prefect's does not."""

import time
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import State
from prefect.deployments import run_deployment
from prefect.states import AwaitingRetry

from tests.deployments.server import ROOT, Server

pytestmark = pytest.mark.slow


def final(client: SyncPrefectClient, run: UUID) -> State:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        state = client.read_flow_run(run).state
        if state is not None and state.is_final():
            return state
        time.sleep(0.1)
    pytest.fail("the run did not end")


def test_a_run_is_retried_before_its_process_has_ended(server: Server, client: SyncPrefectClient) -> None:
    client.create_deployment(
        client.create_flow_from_name("lingering"),
        "test",
        entrypoint="tests/deployments/lingering.py:lingering",
        pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}],
        work_pool_name="saga-cpu",
    )
    worker = server.records()["saga-cpu-1"].process
    run = run_deployment("lingering/test", timeout=0).id  # type: ignore[union-attr]
    assert final(client, run).is_failed()
    # As the button and the command do.
    client.set_flow_run_state(run, AwaitingRetry(message="at once"))
    assert final(client, run).is_completed()
    assert worker.alive
