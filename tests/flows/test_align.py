"""The flow against a real Prefect server: the states and artifacts that a person sees in its pages."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from e2e_command import SMALL, command, environment

pytestmark = pytest.mark.slow
Query = Callable[[str], list[dict[str, Any]]]


def align(server: tuple[str, Path], store: str, *more: str) -> None:
    url, home = server
    arguments = ["run", "demo", *(p for s in SMALL for p in ("--set", s)), "--store", store, *more]
    variables = environment(home) | {"PREFECT_API_URL": url}
    done = subprocess.run(command(*arguments), capture_output=True, text=True, env=variables, timeout=600)
    assert done.returncode == 0, done.stderr


def latest(url: str, kind: str) -> list[dict[str, Any]]:
    order = {"task_runs": "END_TIME_DESC", "artifacts": "CREATED_DESC", "flow_runs": "END_TIME_DESC"}[kind]
    # Task runs reach the server's tables a moment after they end.
    time.sleep(5)
    rows: list[dict[str, Any]] = httpx.post(f"{url}/{kind}/filter", json={"sort": order}, timeout=30).json()
    return rows


def test_states_and_artifacts_tell_what_became_of_each_stage(server: tuple[str, Path], tmp_path: Path) -> None:
    url, store = server[0], str(tmp_path / "store")
    align(server, store, "--until", "gate")
    align(server, store, "--set", "sft.mode=skip", "--until", "pairs")
    run = latest(url, "flow_runs")[0]
    assert (run["name"], run["state_name"]) == ("align-demo", "Completed")
    states = {row["name"]: row["state_name"] for row in latest(url, "task_runs") if row["flow_run_id"] == run["id"]}
    assert states == {
        "judge": "Skipped",
        "judge_check": "Cached",
        "data": "Cached",
        "items": "Cached",
        "probe": "Cached",
        "gate": "Completed",
        "sft": "Skipped",
        "candidates": "Completed",
        "scores": "Completed",
        "pairs": "Completed",
    }
    tasks = {row["name"]: row["id"] for row in latest(url, "task_runs") if row["flow_run_id"] == run["id"]}
    left = [row for row in latest(url, "artifacts") if row["flow_run_id"] == run["id"]]
    pages = {row["key"]: row for row in left if row["type"] == "markdown"}
    keys = {name: f"demo-{name}".replace("_", "-") for name in tasks}
    assert pages.keys() == {keys[stage] for stage in states}
    # A stage's page hangs on its own task run.
    assert {key: row["task_run_id"] for key, row in pages.items()} == {keys[name]: tasks[name] for name in tasks}
    assert "KL-SFT is skipped" in pages["demo-gate"]["data"]
    assert "sft.mode is skip" in pages["demo-sft"]["data"]
    # Each but the skipped ones has a picture, the cached ones too.
    pictured = {key for key, row in pages.items() if "](data:image/png;base64," in row["data"]}
    assert pictured == pages.keys() - {"demo-judge", "demo-sft"}
    progress = {row["task_run_id"]: row for row in left if row["type"] == "progress"}
    assert progress.keys() == {tasks["candidates"], tasks["scores"]}
    drawn = progress[tasks["candidates"]]
    assert drawn["data"] == 100.0
    assert drawn["description"].startswith("candidates: 96/96 rows, ")


def test_a_failed_stage_is_a_failed_task_and_flow(server: tuple[str, Path], tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="too few pairs"):
        align(server, str(tmp_path / "store"), "--set", "dpo.min_pairs=5000", "--set", "sft.mode=skip")
    run = latest(server[0], "flow_runs")[0]
    assert (run["state_type"], run["state_name"]) == ("FAILED", "Invalid input")
    states = {r["name"]: r["state_name"] for r in latest(server[0], "task_runs") if r["flow_run_id"] == run["id"]}
    assert states["dpo"] == "Invalid input"
    assert states["pairs"] == "Completed"
