"""Evaluation of the base model, by the parser that takes no part in the training."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tasks.loading import load_base
from tasks.measuring import measure, settings
from tasks.stage import Stage, Work

VERSION = 1

OUTSIDE = ("model", "evaluator", "treebank", "summaries", "reading")


def compute(work: Work) -> dict[str, Any]:
    """Measure the base model."""
    from saga_core.evaluation.suite import metrics

    result = measure(work, *load_base(work))
    estimates = metrics(result, work.recipe.seed, work.recipe.evaluation.bootstrap)
    return {"metrics": {name: asdict(estimate) for name, estimate in estimates.items()}}


STAGE = Stage("evaluate_base", VERSION, settings, compute, outside=OUTSIDE, inputs=("data",))
