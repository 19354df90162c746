"""A run that finds everything in the store pays for no library that a stage would need."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stage_samples import BASE, COMPARISONS, FINAL, HEADLINES, write_files

from tasks.page import page_of
from tasks.pipeline import PIPELINE
from tasks.runner import resolve
from tasks.session import Outcome, Session
from tasks.stage import Stage, Work

ROOT = Path(__file__).resolve().parents[2]

# What a run does, without a server.
RUN = """
import sys
import flows.align, flows.retrain, flows.stage
from saga_core.recipe_file import load_recipe
from tasks.opening import open_session
from tasks.page import page_of
from tasks.pipeline import PIPELINE
from tasks.runner import resolve
session, outcomes = open_session(load_recipe("demo"), sys.argv[1]), {}
for stage in PIPELINE:
    outcomes[stage.name] = resolve(stage, session, outcomes)
    page = page_of(outcomes[stage.name], session)
    # The demo names a parser, so none is trained.
    assert "data:image/png;base64," in page or outcomes[stage.name].state == "skipped", stage.name
heavy = ("torch", "transformers", "spacy", "stanza", "datasets", "matplotlib", "pandas")
print(sorted({outcome.state for outcome in outcomes.values()}), [name for name in heavy if name in sys.modules])
"""


MEASURED = {
    "evaluate_base": {"metrics": {name: dataclasses.asdict(value) for name, value in BASE.values.items()}},
    "evaluate": {
        "metrics": {name: dataclasses.asdict(value) for name, value in FINAL.values.items()},
        "comparisons": {name: dataclasses.asdict(value) for name, value in COMPARISONS.items()},
    },
}


def with_sample(stage: Stage) -> Stage:
    """The stage, with its key and inputs, but writing at once what a run of it would."""

    def compute(work: Work) -> dict[str, Any]:
        write_files(work.out)
        return HEADLINES[stage.name] | MEASURED.get(stage.name, {})

    return dataclasses.replace(stage, compute=compute)


def test_a_run_with_everything_cached_imports_no_library_of_a_stage(
    open_demo: Callable[..., Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    session, outcomes = open_demo(), dict[str, Outcome]()
    for stage in PIPELINE:
        outcomes[stage.name] = resolve(with_sample(stage), session, outcomes)
        # Its picture is drawn, once on this machine.
        page_of(outcomes[stage.name], session)
    command = [sys.executable, "-c", RUN, str(tmp_path / "store")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "['cached', 'skipped'] []", done.stderr
