"""Evaluation of the base model, by the parser that takes no part in the training."""

from __future__ import annotations

from typing import Any

from tasks.measuring import figures, measure, settings
from tasks.models import load_base
from tasks.stage import Stage, Work

VERSION = 4

OUTSIDE = ("model", "evaluator")


def compute(work: Work) -> dict[str, Any]:
    """Measure the base model."""
    return figures(work, measure(work, *load_base(work)))


STAGE = Stage("evaluate_base", VERSION, settings, compute, outside=OUTSIDE, inputs=("items",), pool="gpu")
