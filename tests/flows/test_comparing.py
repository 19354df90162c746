from __future__ import annotations

import json
from pathlib import Path

import pytest
from ablating import FIXED, ablate, arms_of
from typer.testing import CliRunner

from flows.cli import app
from tasks.pipeline import PIPELINE
from tasks.plan import make_plan, outcomes_of
from tasks.report import report_unchanged

SET = [part for setting in FIXED for part in ("--set", setting)]
VARY = ["--vary", "sft.mode=skip,force"]


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "store")


def test_an_ablation_that_is_stored_is_told_again_and_shown(store: str) -> None:
    ablate(store, "sft.mode=skip,force")
    done = CliRunner().invoke(app, ["ablate", "demo", *VARY, *SET, "--store", store, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["finding"].startswith("sft.mode=force does not improve results over sft.mode=skip.")
    assert [run["arm"] for run in told["runs"]] == ["sft.mode=skip", "sft.mode=force"]
    assert told["comparison"]["first"] == "sft.mode=skip"
    assert Path(told["page"]).read_text().startswith("**Finding:** sft.mode=force")
    shown = CliRunner().invoke(app, ["show", told["run"], "--store", store])
    assert told["finding"] in shown.stdout
    assert "sft.mode=force, less sft.mode=skip" in shown.stdout


@pytest.mark.slow
def test_runs_are_compared_and_refused_by_the_command(store: str) -> None:
    ablate(store, "sft.mode=skip,force")
    first, second = arms_of(store, "sft.mode=skip,force")
    for arm in (first, second):
        outcomes = outcomes_of(make_plan(arm.session, PIPELINE), arm.session)
        assert outcomes
        report_unchanged(arm.session, outcomes)
    names = [first.session.run, second.session.run]
    done = CliRunner().invoke(app, ["compare", *names, "--store", store, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["comparison"]["first"] == names[0]
    assert told["finding"].startswith(f"{names[1]} does not improve results over {names[0]}.")
    refused = CliRunner().invoke(app, ["compare", names[0], "--store", store])
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--vary", "sft.mode=skip"], "one arm is nothing to compare"),
        (["--vary", "seed=0,1"], "it would not be comparable with seed=0"),
        (["--vary", "sft.mode=skip,force", "--seeds", "0,x"], "--seeds 0,x: not whole numbers from 0"),
        (["--vary", "sft.mode=skip,force", "--seeds", "9999999999"], "--seeds training_seed=9999999999"),
        (["--vary", "training_seed=0,1", "--seeds", "2"], "training_seed is given twice"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(store: str, arguments: list[str], told: str) -> None:
    done = CliRunner().invoke(app, ["ablate", "demo", *arguments, "--store", store])
    assert done.exit_code == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (Path(store) / "runs").exists()
