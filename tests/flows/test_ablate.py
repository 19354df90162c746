"""An ablation with real stages, models and parsers on a few rows, against a real Prefect server."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import httpx
import pytest
from e2e_command import SMALL, Done, command, environment

pytestmark = pytest.mark.slow


def test_arms_run_in_one_flow_and_leave_one_page(server: tuple[str, Path], tmp_path: Path) -> None:
    url, home = server
    options = [part for setting in SMALL for part in ("--set", setting)]
    arguments = command("ablate", "demo", "--vary", "sft.mode=skip,force", *options, "--store", str(tmp_path / "store"))
    variables = environment(home) | {"PREFECT_API_URL": url}

    def ablate() -> Done:
        done = subprocess.run([*arguments, "--json"], capture_output=True, text=True, env=variables, timeout=900)
        assert done.returncode == 0, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    first = ablate()
    assert first.err.count("sft: computed") == first.err.count("sft: skipped") == 1
    assert first.err.count("data: computed") == first.err.count("evaluate_base: computed") == 1
    assert first.err.count("evaluate: computed") == 2
    assert first.report["comparison"]["first"] == "sft.mode=skip"
    runs = httpx.post(f"{url}/flow_runs/filter", json={}, timeout=30).json()
    assert [(run["name"], run["state_name"]) for run in runs] == [("ablate-demo", "Completed")]
    # Artifacts reach the server's tables a moment after they are made.
    time.sleep(5)
    pages = httpx.post(f"{url}/artifacts/filter", json={}, timeout=30).json()
    (page,) = (row for row in pages if row["key"] == "demo-ablation-comparison")
    assert page["data"].startswith(f"**Finding:** {first.report['finding'].split('.')[0]}")
    # Nothing to do, and nobody is asked.
    start = time.monotonic()
    again = ablate()
    assert time.monotonic() - start < 20
    assert again.report["finding"] == first.report["finding"]
    assert len(httpx.post(f"{url}/flow_runs/filter", json={}, timeout=30).json()) == 1
