"""Runs whose evaluations are given: real keys, artifacts, stores and decisions, and no model.

``dpo.beta`` says how many of a hundred continuations of the new adapter parse, and tells adapters apart.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from flows.retrain import compete
from saga_core.artifacts.tables import write_rows
from saga_core.evaluation.guards import Guards
from saga_core.evaluation.outcomes import ROW_SCHEMA
from saga_core.recipe_file import load_recipe
from tasks.opening import open_session
from tasks.pipeline import PIPELINE
from tasks.retraining import Verdict, settled
from tasks.runner import resolve
from tasks.session import Outcome, Session
from tasks.stage import Stage, Work

PROMPTS, DOCUMENTS = 100, 6
FIGURES = {"parse_success": {"value": 0.5, "low": 0.4, "high": 0.6, "n": PROMPTS}}


def _measure(passed: Callable[[Work], int]) -> Callable[[Work], dict[str, Any]]:
    def compute(work: Work) -> dict[str, Any]:
        empty: dict[str, Any] = dict.fromkeys(ROW_SCHEMA)
        seed, many = work.recipe.seed, passed(work)
        parse = [
            {"item_id": f"{seed}-{i}", "text": "x", "passed": i < many, "quality": float(i < many), "mattr": 0.9}
            for i in range(PROMPTS)
        ]
        likely = [{"item_id": f"{seed}-{i}", "nll": 100.0 + i, "tokens": 50, "bytes": 200} for i in range(DOCUMENTS)]
        rows = [empty | {"task": "parse", "judged": "x", "sentences": "[]"} | row for row in parse]
        rows += [empty | {"task": "perplexity"} | row for row in likely]
        write_rows(work.out / "items.parquet", rows, ROW_SCHEMA)
        return {"metrics": FIGURES}

    return compute


def _make(work: Work) -> dict[str, Any]:
    (work.out / "value.json").write_text(f"{work.recipe.seed}")
    return {"run_sft": True}


def _train(work: Work) -> dict[str, Any]:
    (work.out / "value.json").write_text(f"{work.recipe.dpo.beta}")
    return {}


def _publish(work: Work) -> dict[str, Any]:
    save_file({"beta": np.array([work.recipe.dpo.beta])}, work.out / "adapter_model.safetensors")
    (work.out / "README.md").write_text("# Card\n\n## Limits\n\n- some\n")
    return {}


def _passed(work: Work) -> int:
    return round(100 * work.recipe.dpo.beta)


def _passed_by_the_champion(work: Work) -> int:
    # It is worth what its own training says, also on other items.
    return round(100 * float((work.inputs["champion"] / "value.json").read_text()))


_COMPUTES = {
    "dpo": _train,
    "evaluate_base": _measure(lambda work: 10),
    "evaluate": _measure(_passed),
    "publish": _publish,
    "evaluate_champion": _measure(_passed_by_the_champion),
}


class Runs:
    """Runs stages with what they are to make in place of their computing, and remembers what was made."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.made: list[str] = []

    def __call__(self, stage: Stage, **inputs: Outcome) -> Outcome:
        compute = stage.compute if stage.name == "promotion" else _COMPUTES.get(stage.name, _make)
        outcome = resolve(dataclasses.replace(stage, compute=compute), self._session, inputs)
        self.made += [stage.name] if outcome.state == "computed" else []
        return outcome


def open_run(store: str, *overrides: str) -> Session:
    return open_session(load_recipe("demo", ("evaluation.bootstrap=100", *overrides)), store)


def run_pipeline(run: Runs, session: Session) -> dict[str, Outcome]:
    done: dict[str, Outcome] = {}
    for stage in PIPELINE:
        wanted = (*stage.inputs, *stage.consults(session.recipe))
        done[stage.name] = run(stage, **{name: done[name] for name in wanted})
    return done


def retrain(store: str, *overrides: str, guards: Guards | None = None) -> tuple[Verdict, list[str]]:
    """Do what the flow does; return the verdict and the stages that were made."""
    session, terms = open_run(store, *overrides), guards or Guards()
    if done := settled(session, terms):
        return done[0], []
    run = Runs(session)
    made = run_pipeline(run, session)
    verdict = None
    while verdict is None:
        verdict = compete(run, session, terms, made)
    return verdict, run.made
