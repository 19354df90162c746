"""DeLong's method for the AUROC of labelled sentences: an interval, and the paired test of two models.

Good and bad sentences are not paired with each other here: both kinds are units of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike

from saga_core.errors import StageError
from saga_core.evaluation.standard_error import comparison_of, is_zero, wilson_of
from saga_core.evaluation.statistics import Comparison, Estimate, FloatArray, auroc

_LEVEL = 0.95
_TEST = "paired DeLong"
# A model's scores of the positives and of the negatives.
Scores = tuple[ArrayLike, ArrayLike]


def delong_estimate(positive: ArrayLike, negative: ArrayLike) -> Estimate:
    """Estimate an AUROC with DeLong's error, the interval made on the logit scale so that it stays within 0..1.

    Where that error says nothing, since one kind has a single sentence or no two are told apart differently (an area of
    exactly 1, above all), the interval is Wilson's for a rate of min(n, m) units: no area's variance is larger than
    A(1 − A)/min(n, m) (Birnbaum & Klose 1957, Ann. Math. Stat. 28).

    Args:
        positive: Scores of positives, (n,).
        negative: Scores of negatives, (m,).

    Returns:
        The area, with n + m as the number of units.

    Raises:
        StageError: There is no positive or no negative, or a score is not a number.
    """
    placed = _placed(positive, negative)
    area, least = placed.area, min(len(placed.positive), len(placed.negative))
    n = len(placed.positive) + len(placed.negative)
    error = placed.error if least > 1 else 0.0
    if is_zero(error) or not 0.0 < area < 1.0:
        low, high = wilson_of(area, least, math.inf)
        return Estimate(area, low, high, n)
    reach = float(scipy.stats.norm.ppf((1 + _LEVEL) / 2)) * error / (area * (1 - area))
    middle = scipy.special.logit(area)
    return Estimate(area, float(scipy.special.expit(middle - reach)), float(scipy.special.expit(middle + reach)), n)


def compare_delong(before: Scores, after: Scores) -> Comparison:
    """Compare two models' AUROC over the same sentences by DeLong's paired z test.

    Args:
        before: The first model's scores of the positives, (n,), and of the negatives, (m,).
        after: The second's, of the same sentences in the same order.

    Raises:
        StageError: There is no positive or no negative, the two differ in number, or a score is not a number.
    """
    first, second = _placed(*before), _placed(*after)
    shapes = [(len(model.positive), len(model.negative)) for model in (first, second)]
    if shapes[0] != shapes[1]:
        what = "; ".join(f"{n} positives and {m} negatives" for n, m in shapes)
        raise StageError(f"not the same sentences: {what}", "statistics", "measure both models on the same items")
    # Differences of placements have the variance of the difference of areas, covariances included.
    change = _Placements(0.0, second.positive - first.positive, second.negative - first.negative)
    least = min(shapes[0])
    return comparison_of(first.area, second.area, change.error if least > 1 else 0.0, math.inf, least, _TEST)


@dataclass(frozen=True)
class _Placements:
    """An area and its units: the share of negatives that each positive outscores, and the other way round."""

    area: float
    positive: FloatArray
    negative: FloatArray

    @property
    def error(self) -> float:
        """Standard error of the area (DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44)."""
        kinds = (self.positive, self.negative)
        return math.sqrt(sum(float(np.var(kind, ddof=1)) / len(kind) for kind in kinds))


def _placed(positive: ArrayLike, negative: ArrayLike) -> _Placements:
    """Compute the placements from ranks, in O(n log n) (Sun & Xu 2014, IEEE Signal Processing Letters 21)."""
    above, below = np.asarray(positive, np.float64), np.asarray(negative, np.float64)
    area = float(auroc(above, below))
    if not (np.isfinite(above).all() and np.isfinite(below).all()):
        raise StageError("a score is not a number", "statistics", "look for an overflow in the model's data type")
    n, m = len(above), len(below)
    together = scipy.stats.rankdata(np.concatenate([above, below]))
    outscored = (together[:n] - scipy.stats.rankdata(above)) / m
    outscoring = 1.0 - (together[n:] - scipy.stats.rankdata(below)) / n
    return _Placements(area, outscored, outscoring)
