"""The jackknife: how sure a figure of a whole set is, from the figures that the set has without each of its units.

For statistics that no unit has by itself and that resampling distorts: a bootstrap resample repeats units, so it has
fewer distinct n-grams and less entropy than any sample that the model could give.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from saga_core.errors import StageError
from saga_core.evaluation.standard_error import comparison_of, estimate_of
from saga_core.evaluation.statistics import Comparison, Estimate, FloatArray

_TEST = "paired jackknife"


def jackknife_estimate(value: float, leave_one_out: ArrayLike) -> Estimate:
    """Estimate a statistic of a set of units, with Tukey's interval: value ± t(n − 1) · jackknife error.

    Args:
        value: The statistic of all units.
        leave_one_out: The statistic without unit i, (n,); of one unit alone it may be anything.

    Returns:
        The value as it is, without a correction of its bias; where there is one unit, or all say the same, both ends
        of the interval are the value.

    Raises:
        StageError: There is no unit, or a figure is not a number.
    """
    without = _units(value, leave_one_out)
    n = len(without)
    return estimate_of(float(value), jackknife_error(without) if n > 1 else 0.0, n - 1, n)


def compare_jackknife(before: tuple[float, ArrayLike], after: tuple[float, ArrayLike]) -> Comparison:
    """Compare a statistic of two sets over the same units: the jackknife of the difference, and its t test.

    With hundreds of units the t test is the z test; with few it does not pretend that the error is known.

    Args:
        before: The first model's value and its leave-one-out values, (n,).
        after: The second's, without the same units in the same order.

    Raises:
        StageError: There is no unit, the numbers of units differ, or a figure is not a number.
    """
    first, second = _units(*before), _units(*after)
    if first.shape != second.shape:
        what = f"samples of {len(first)}, {len(second)} units are not of the same units"
        raise StageError(what, "statistics", "measure both models on the same items")
    n = len(first)
    error = jackknife_error(second - first) if n > 1 else 0.0
    return comparison_of(float(before[0]), float(after[0]), error, n - 1, n, _TEST)


def jackknife_error(without: FloatArray) -> float:
    """Return the jackknife's standard error, √((n − 1)/n · Σ(θ₍ᵢ₎ − mean)²) (Efron & Stein 1981, Ann. Stat. 9).

    Args:
        without: The statistic without unit i, (n,) with n > 1.
    """
    n = len(without)
    return math.sqrt((n - 1) / n * float(np.sum((without - without.mean()) ** 2)))


def pseudo_values(value: float, leave_one_out: ArrayLike) -> FloatArray:
    """Return Tukey's pseudo-values, n·θ − (n − 1)·θ₍ᵢ₎ (Tukey 1958): what each unit brings to the statistic, (n,).

    They behave like independent units whose mean is the statistic, less its bias, so a method for means serves a
    statistic of a set.

    Args:
        value: The statistic of all units.
        leave_one_out: The statistic without unit i, (n,) with n > 1.
    """
    without = np.asarray(leave_one_out, np.float64)
    n = len(without)
    return np.asarray(n * value - (n - 1) * without, np.float64)


def _units(value: float, leave_one_out: ArrayLike) -> FloatArray:
    without = np.asarray(leave_one_out, np.float64)
    if len(without) == 0:
        raise StageError("no unit to compute a statistic from", "statistics", "give at least one item")
    # Without its only unit a set has no statistic.
    if not math.isfinite(value) or (len(without) > 1 and not np.isfinite(without).all()):
        raise StageError("a figure is not a number", "statistics", "look for an overflow in the model's data type")
    return without
