"""Ablations whose models are given: real keys, artifacts, stores and comparisons, and no model.

KL-SFT makes text less likely, ``dpo.nll_weight`` more texts parse, and a training seed another draw.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from evaluation_results import result_of

from flows.align import run_stages
from saga_core.recipe_file import load_recipe
from tasks.ablation import ArmRun, Contrast, contrast_of, open_arms
from tasks.comparison import NAME
from tasks.measuring import store_result
from tasks.opening import open_session
from tasks.runner import resolve
from tasks.session import Outcome, Session
from tasks.stage import Stage, Work

FIXED = ("evaluation.bootstrap=100",)


def _make(work: Work) -> dict[str, Any]:
    (work.out / "value.json").write_text(json.dumps({"seed": work.recipe.seed}))
    return {"run_sft": True, "parse_success": 0.5, "tau": 0.8}


def _score(work: Work) -> dict[str, Any]:
    (work.out / "value.json").write_text(json.dumps(work.recipe.judge.kind))
    return {}


def _pair(work: Work) -> dict[str, Any]:
    (work.out / "value.json").write_bytes((work.inputs["scores"] / "value.json").read_bytes())
    return {}


def _train(work: Work) -> dict[str, Any]:
    recipe = work.recipe
    trained = {"sft": "sft" in work.inputs, "nll": recipe.dpo.nll_weight, "seed": recipe.seed_of_training}
    trained["judge"] = json.loads((work.inputs["pairs"] / "value.json").read_text())
    (work.out / "value.json").write_text(json.dumps(trained))
    return {}


def _measure_base(work: Work) -> dict[str, Any]:
    store_result(work.out, result_of(0, passing=0.55, items=40))
    return {"metrics": {}}


def _measure(work: Work) -> dict[str, Any]:
    trained = json.loads((work.inputs["dpo"] / "value.json").read_text())
    quality = {"passing": 0.6 + 0.3 * trained["nll"], "nll": 5.4 if trained["sft"] else 5.0}
    store_result(work.out, result_of(1 + trained["seed"], items=40, **quality))
    return {"metrics": {}}


_COMPUTES = {"scores": _score, "pairs": _pair, "dpo": _train, "evaluate_base": _measure_base, "evaluate": _measure}


class Runs:
    """Runs stages with what they are to make in place of their computing, and remembers what was made."""

    def __init__(self, session: Session, made: list[str]) -> None:
        self._session = session
        self.made = made

    def __call__(self, stage: Stage, **inputs: Outcome) -> Outcome:
        compute = stage.compute if stage.name == NAME else _COMPUTES.get(stage.name, _make)
        outcome = resolve(dataclasses.replace(stage, compute=compute), self._session, inputs)
        self.made += [stage.name] if outcome.state == "computed" else []
        return outcome


def arms_of(store: str, *vary: str, seeds: Sequence[int] = (), fixed: Sequence[str] = FIXED) -> list[ArmRun]:
    def open_one(settings: tuple[str, ...]) -> Session:
        return open_session(load_recipe("demo", (*fixed, *settings)), store)

    return open_arms(open_one, vary, seeds, fixed)


def ablate(store: str, *vary: str, seeds: Sequence[int] = ()) -> tuple[Contrast, Outcome, list[str]]:
    """Do what the flow does; return the comparison, its outcome, and the stages that were made."""
    made: list[str] = []
    arms = arms_of(store, *vary, seeds=seeds)
    contrast = contrast_of(arms, [run_arm(arm.session, made) for arm in arms])
    return contrast, Runs(contrast.session, made)(contrast.stage, **contrast.inputs), made


def run_arm(session: Session, made: list[str]) -> dict[str, Outcome]:
    return run_stages(Runs(session, made))  # type: ignore[arg-type] - called alike
