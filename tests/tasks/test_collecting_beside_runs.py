"""Runs that go on while another process collects: none fails, and nothing is ever damaged."""

import dataclasses
import multiprocessing
import random
import time
from pathlib import Path
from queue import Queue
from typing import Any
from unittest import mock

import pytest

from saga_core.artifacts.collection import Terms, plan_removal
from saga_core.artifacts.removal import remove
from saga_core.artifacts.snapshot import take_snapshot
from saga_core.artifacts.storage import Patience
from saga_core.artifacts.store import Store
from saga_core.artifacts.tables import write_json
from saga_core.artifacts.verification import survey, verify
from saga_core.recipe_file import load_recipe
from tasks.opening import open_session
from tasks.report import RunReport
from tasks.runner import resolve
from tasks.session import Outcome
from tasks.stage import Stage, Work

_SPAWN = multiprocessing.get_context("spawn")
_PATIENCE = Patience(lease=1.0)
Answers = Queue[tuple[str, int]]


def _compute(work: Work) -> dict[str, Any]:
    # Its inputs are read where they lie, some time after they were found.
    time.sleep(0.02)
    read = [(folder / "value.json").read_text() for folder in work.inputs.values()]
    write_json(work.out / "value.json", [work.recipe.seed, work.recipe.dpo.beta, *read])
    return {}


TOY = (
    Stage("base", 1, lambda recipe: {"seed": recipe.seed}, _compute),
    Stage("middle", 1, lambda recipe: {}, _compute, inputs=("base",)),
    Stage("last", 1, lambda recipe: {"beta": recipe.dpo.beta}, _compute, inputs=("base", "middle")),
)


def run_on_and_on(uri: str, number: int, until: float, answers: Answers) -> None:
    """Run a toy pipeline with one of a few settings over and over."""
    chance, runs = random.Random(number), 0
    while time.time() < until:
        overrides = [f"seed={chance.randrange(4)}", f"dpo.beta={chance.choice([0.1, 0.2, 0.3])}"]
        session = open_session(load_recipe("demo", overrides), uri)
        session = dataclasses.replace(session, store=Store(uri, _PATIENCE))
        done: dict[str, Outcome] = {}
        report = RunReport(session)
        for stage in TOY:
            outcome = resolve(stage, session, {name: done[name] for name in stage.inputs})
            if outcome.damaged is not None:
                # What was removed between two looks is made again: the next round does.
                break
            done[stage.name] = outcome
            report.add(outcome)
        else:
            runs += 1
    answers.put(("runs", runs))


def collect_on_and_on(uri: str, until: float, answers: Answers) -> None:
    """Collect whatever was not used in the last second."""
    store, terms, gone, damaged = Store(uri, _PATIENCE), Terms(_PATIENCE.lease), 0, 0
    # These runs write a report each time, whatever they find.
    with mock.patch("saga_core.artifacts.snapshot.UNSAID", 0.0):
        while time.time() < until:
            snapshot = take_snapshot(store, store.capabilities.now())
            gone += len(remove(store, snapshot, plan_removal(snapshot, terms), terms))
            damaged += len(list(verify(store, survey(store))))
    answers.put(("gone", gone))
    answers.put(("damaged", damaged))


@pytest.mark.slow
def test_runs_and_collections_do_not_disturb_each_other(tmp_path: Path) -> None:
    uri, until = str(tmp_path), time.time() + 30
    answers: Answers = _SPAWN.Queue()
    processes = [_SPAWN.Process(target=run_on_and_on, args=(uri, number, until, answers)) for number in range(2)]
    processes.append(_SPAWN.Process(target=collect_on_and_on, args=(uri, until, answers)))
    for process in processes:
        process.start()
    found = [answers.get(timeout=120) for _ in range(4)]
    for process in processes:
        process.join(timeout=30)
        assert process.exitcode == 0
    assert min(number for what, number in found if what == "runs") > 5
    assert dict(found)["gone"] > 0
    assert dict(found)["damaged"] == 0
