"""Evaluation of the aligned model under the base's seeds and prompts, and the paired test of the two."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tasks.evaluate_base import OUTSIDE
from tasks.loading import load_base, with_adapter
from tasks.measuring import load_result, measure, settings
from tasks.stage import Stage, Work

VERSION = 1


def compute(work: Work) -> dict[str, Any]:
    """Measure the adapter that will be published, on the original base, and compare it with the base alone."""
    from saga_core.evaluation.suite import compare, metrics

    model, tokenizer = load_base(work)
    result = measure(work, with_adapter(model, work.inputs["dpo"] / "adapter"), tokenizer)
    resampling = (work.recipe.seed, work.recipe.evaluation.bootstrap)
    comparisons = compare(load_result(work.inputs["evaluate_base"]), result, *resampling)
    return {
        "metrics": {name: asdict(estimate) for name, estimate in metrics(result, *resampling).items()},
        "comparisons": {name: asdict(comparison) for name, comparison in comparisons.items()},
    }


STAGE = Stage("evaluate", VERSION, settings, compute, outside=OUTSIDE, inputs=("data", "dpo", "evaluate_base"))
