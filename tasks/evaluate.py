"""Evaluation of the aligned model under the base's seeds and prompts, and the paired test of the two."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tasks.evaluate_base import OUTSIDE
from tasks.measuring import figures, load_result, measure, settings
from tasks.models import load_base, with_adapter
from tasks.stage import Stage, Work

VERSION = 5


def compute(work: Work) -> dict[str, Any]:
    """Measure the adapter that will be published, on the original base, and compare it with the base alone."""
    from saga_core.evaluation.power import detectable_differences
    from saga_core.evaluation.suite import compare

    model, tokenizer = load_base(work)
    result = measure(work, with_adapter(model, work.inputs["dpo"] / "adapter"), tokenizer)
    before, recipe = load_result(work.inputs["evaluate_base"]), work.recipe
    comparisons = compare(before, result, recipe.seed, recipe.evaluation.bootstrap)
    return figures(work, result) | {
        "comparisons": {name: asdict(each) for name, each in comparisons.items()},
        "detectable": detectable_differences(before, result, comparisons),
    }


STAGE = Stage(
    "evaluate", VERSION, settings, compute, outside=OUTSIDE, inputs=("items", "dpo", "evaluate_base"), pool="gpu"
)
