"""Diversity: how varied the words of continuations are."""

from __future__ import annotations

from collections.abc import Sequence

from saga_core.evaluation.parse import ParseOutcome
from saga_core.evaluation.statistics import Estimate, bootstrap_mean


def mean_mattr(outcomes: Sequence[ParseOutcome], seed: int, resamples: int) -> Estimate:
    """Estimate the mean moving-average type-token ratio of a continuation; its interval is bootstrapped."""
    return bootstrap_mean([o.mattr for o in outcomes], seed, resamples)
