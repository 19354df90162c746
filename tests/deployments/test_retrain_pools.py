"""A language retrained by its deployment: once for real, through both pools, and again when nothing has changed."""

from pathlib import Path

import pytest
import yaml
from e2e_command import SMALL
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment

from saga_core.recipe_file import load_recipe
from tests.deployments.server import Server

pytestmark = pytest.mark.slow


def retrain(recipe: Path) -> FlowRun:
    # As a schedule does, with a recipe that is small.
    run = run_deployment("retrain/nb", parameters={"recipe": str(recipe)}, timeout=900, poll_interval=1)
    assert isinstance(run, FlowRun)
    assert run.state is not None
    return run


def sent(client: SyncPrefectClient, run: FlowRun) -> set[str]:
    inside = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run.id]))
    return {child.name.split(" ")[0] for child in client.read_flow_runs(flow_run_filter=inside)}


def test_a_scheduled_run_without_anything_new_wakes_no_gpu(
    server: Server, client: SyncPrefectClient, tmp_path: Path
) -> None:
    recipe = tmp_path / "small.yaml"
    small = load_recipe("demo", (*SMALL, "sft.mode=skip")).recipe.model_dump(mode="json") | {"name": "small"}
    recipe.write_text(yaml.safe_dump(small), encoding="utf-8")
    assert server.command("start", SAGA_ALLOW_CPU="1", SAGA_ALLOWED_ROOTS=str(tmp_path)).returncode == 0
    first = retrain(recipe)
    assert first.state is not None
    # Of so few items either may come out; what was decided is said.
    assert first.state.name in ("Promoted", "Kept"), first.state
    assert first.state.message
    assert sent(client, first) == {"probe", "candidates", "dpo", "evaluate_base", "evaluate"}
    again = retrain(recipe)
    assert again.state is not None
    assert again.state.name == "NothingToDo", again.state
    assert sent(client, again) == set()
    seconds = again.total_run_time.total_seconds()
    print(f"a retraining without anything new took {seconds:.1f} s")
    assert seconds < 60
