"""Deploying: what is there twice is there once, and what a person changed in the user interface stays."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.schemas.automations import AutomationCore

from deployments.deploy import deploy
from deployments.notification import BLOCK
from deployments.prefect_file import entries, text
from saga_core.errors import UserError
from tests.deployments.server import Server

pytestmark = pytest.mark.slow

SCHEDULE = {"slug": "nb-weekly", "cron": "0 3 * * 1", "timezone": "Europe/Oslo", "parameters": {"until": "probe"}}

AUTOMATIONS = [
    "saga: failure notification",
    "saga: missing heartbeats",
    "saga: missing starts",
    "saga: unfinished cancellations",
]


@pytest.fixture
def file(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ours, with schedules on the demo's deployment."""
    monkeypatch.setenv("PREFECT_API_URL", server.settings.api_url)
    monkeypatch.setenv("SAGA_NOTIFY_URL", "http://127.0.0.1:9/hook?secret")
    return write(tmp_path / "prefect.yaml", [SCHEDULE, SCHEDULE | {"slug": "nb-daily", "cron": "0 4 * * *"}])


def write(path: Path, schedules: list[dict[str, Any]]) -> Path:
    data = yaml.safe_load(text())
    (demo,) = (entry for entry in data["deployments"] if entry["name"] == "demo")
    demo["schedules"] = schedules
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    return path


def objects(client: SyncPrefectClient) -> dict[str, tuple[Any, Any]]:
    """Return id, kind and time of the last change of everything that deploying makes."""
    found: list[Any] = [*client.read_work_pools(), *client.read_deployments()]
    found += [schedule for deployment in client.read_deployments() for schedule in deployment.schedules]
    found += [*client.read_flows(), *client.read_block_documents(), *client.read_global_concurrency_limits()]
    seen = {str(each.id): (type(each).__name__, each.updated) for each in found}
    # A queue changes whenever a worker looks into it.
    queues = client.read_work_queues()
    seen |= {str(each.id): ("WorkQueue", (each.name, each.concurrency_limit, each.is_paused)) for each in queues}
    # Whose time of change the client's model leaves out.
    automations = client.request("POST", "/automations/filter", json={}).json()
    return seen | {each["id"]: ("Automation", each["updated"]) for each in automations}


def schedules(client: SyncPrefectClient) -> dict[str | None, Any]:
    return {each.slug: each for each in client.read_deployment_by_name("align/demo").schedules}


def test_again_it_changes_nothing(client: SyncPrefectClient, file: Path) -> None:
    made = list(deploy(file))
    assert "automation saga: failure notification: made" in made
    before = objects(client)
    kinds = [kind for kind, _ in before.values()]
    assert kinds.count("DeploymentResponse") == len(entries())
    assert kinds.count("Automation") == len(AUTOMATIONS)
    assert kinds.count("DeploymentSchedule") == 2 + sum(len(entry.schedules) for entry in entries())
    assert list(deploy(file)) == []
    assert objects(client) == before


def test_pools_and_queues_have_their_limits(client: SyncPrefectClient, file: Path) -> None:
    list(deploy(file))
    assert {pool.name for pool in client.read_work_pools()} == {"saga-cpu", "saga-gpu"}
    assert client.read_work_queue_by_name("nb", "saga-cpu").concurrency_limit == 1
    assert client.read_work_queue_by_name("default", "saga-cpu").concurrency_limit is None
    deployment = client.read_deployment_by_name("align/demo")
    assert (deployment.work_pool_name, deployment.work_queue_name) == ("saga-cpu", "nb")
    assert deployment.tags == ["saga", "nb", "nb-tiny"]
    described = deployment.parameter_openapi_schema["properties"]["recipe"]["description"]  # type: ignore[index]
    assert described.startswith("Name of a recipe")


def test_a_schedule_that_was_paused_stays_so(client: SyncPrefectClient, file: Path) -> None:
    list(deploy(file))
    deployment, there = client.read_deployment_by_name("align/demo"), schedules(client)
    client.update_deployment_schedule(deployment.id, there["nb-weekly"].id, active=False)
    # Prefect empties the parameters of a schedule that is paused; deploying brings them back.
    assert schedules(client)["nb-weekly"].parameters == {}
    assert list(deploy(file)) == ["deployment align/demo: schedule nb-weekly"]
    assert list(deploy(file)) == []
    assert schedules(client)["nb-weekly"].parameters == {"until": "probe"}
    assert not schedules(client)["nb-weekly"].active
    write(file, [SCHEDULE | {"cron": "0 5 * * 1"}])
    assert list(deploy(file)) == [
        "deployment align/demo: schedule nb-weekly",
        "deployment align/demo: schedule nb-daily removed",
    ]
    after = schedules(client)
    assert set(after) == {"nb-weekly"}
    assert after["nb-weekly"].id == there["nb-weekly"].id
    assert (after["nb-weekly"].active, after["nb-weekly"].schedule.cron) == (False, "0 5 * * 1")
    assert after["nb-weekly"].parameters == {"until": "probe"}


def test_what_was_changed_is_put_right(client: SyncPrefectClient, file: Path) -> None:
    list(deploy(file))
    queue = client.read_work_queue_by_name("nb", "saga-cpu")
    client.update_work_queue(queue.id, concurrency_limit=7, is_paused=True)
    (automation,) = client.read_automations_by_name("saga: missing heartbeats")
    changed = automation.model_dump(exclude={"id", "owner_resource"}) | {"description": "mine", "enabled": False}
    client.update_automation(automation.id, AutomationCore.model_validate(changed))
    assert list(deploy(file)) == ["queue saga-cpu/nb: limit 1", "automation saga: missing heartbeats: changed"]
    queue = client.read_work_queue_by_name("nb", "saga-cpu")
    assert (queue.concurrency_limit, queue.is_paused) == (1, True)
    assert not client.read_automations_by_name("saga: missing heartbeats")[0].enabled
    client.update_work_queue(queue.id, is_paused=False)
    client.resume_automation(automation.id)


def test_another_webhook_takes_the_first_ones_place(
    client: SyncPrefectClient, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(deploy(file))
    monkeypatch.setenv("SAGA_NOTIFY_URL", "http://127.0.0.1:9/other")
    assert list(deploy(file)) == ["webhook of SAGA_NOTIFY_URL: kept on the server"]
    block = client.read_block_document_by_name(BLOCK, Webhook.get_block_type_slug(), include_secrets=False)
    assert "other" not in str(block.data)
    monkeypatch.delenv("SAGA_NOTIFY_URL")
    assert list(deploy(file)) == []
    assert sorted(automation.name for automation in client.read_automations()) == AUTOMATIONS


def test_a_deployment_that_is_no_longer_wanted_is_named(client: SyncPrefectClient, file: Path) -> None:
    list(deploy(file))
    flow = client.create_flow_from_name("align")
    gone = client.create_deployment(flow, "gone", tags=["saga"])
    try:
        (line,) = deploy(file)
        assert line == "deployment align/gone: not among these; `prefect deployment delete align/gone` removes it"
    finally:
        client.request("DELETE", "/deployments/{id}", path_params={"id": gone})


def test_a_wrong_password_is_one_line(server: Server, tmp_path: Path) -> None:
    done = server.deploy(PREFECT_API_URL=server.settings.api_url, PREFECT_API_AUTH_STRING="saga:wrong")
    assert done.returncode == 2
    assert done.stderr == (
        f"deployments: {server.settings.api_url}: the server refuses the credentials; set PREFECT_API_AUTH_STRING\n"
    )


def test_more_than_one_file_is_one_line(server: Server) -> None:
    done = server.deploy("one.yaml", "two.yaml", PREFECT_API_URL=server.settings.api_url)
    assert done.returncode == 2
    assert done.stderr.startswith("deployments: one.yaml two.yaml: one file at most; ")
    assert "\n" not in done.stderr.rstrip("\n")


def test_without_a_file_it_is_what_the_recipes_say(client: SyncPrefectClient, server: Server, file: Path) -> None:
    list(deploy(file))
    removed = {f"deployment align/demo: schedule {slug} removed" for slug in ("nb-weekly", "nb-daily")}
    assert set(deploy()) == removed
    assert list(deploy()) == []


def test_no_server_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(UserError, match="PREFECT_API_URL: no server is named"):
        list(deploy())
