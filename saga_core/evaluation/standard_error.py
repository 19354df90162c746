"""From a figure and its standard error to an interval of 95% and a test, alike for all that estimate an error."""

from __future__ import annotations

import math

import scipy

from saga_core.evaluation.statistics import Comparison, Estimate

_UPPER = 0.975
# Below this share of the figures an error is what rounding leaves.
_ROUNDING = 1e-12


def is_zero(error: float, *figures: float) -> bool:
    """Say whether a number is nothing but rounding, beside figures of this size."""
    return abs(error) <= _ROUNDING * max([1.0, *map(abs, figures)])


def estimate_of(value: float, error: float, freedom: float, n: int) -> Estimate:
    """Estimate a figure by value ± t · error.

    Args:
        value: The figure.
        error: Its standard error.
        freedom: Degrees of freedom of the error; infinite for a normal interval.
        n: Number of units.
    """
    reach = 0.0 if is_zero(error, value) else _quantile(freedom) * error
    return Estimate(value, value - reach, value + reach, n)


def comparison_of(before: float, after: float, error: float, freedom: float, units: int, test: str) -> Comparison:
    """Compare two figures by the t test of their difference, after − before.

    Where all units changed alike the error is 0 and t is infinite; p is then the least that flipping their signs can
    give, 2 · 2^-units. One unit is evidence of nothing.

    Args:
        before: The first figure.
        after: The second.
        error: Standard error of the difference.
        freedom: Degrees of freedom of the error; infinite for a z test.
        units: Number of independent units that the error was computed from.
        test: Name of the test.
    """
    delta = after - before
    if is_zero(delta, before, after) and is_zero(error, before, after):
        return Comparison(0.0, 0.0, 0.0, 1.0, test)
    if units < 2:
        return Comparison(delta, delta, delta, 1.0, test)
    if is_zero(error, before, after):
        return Comparison(delta, delta, delta, 2.0 ** (1 - min(units, 1_000)), test)
    reach = _quantile(freedom) * error
    p = 2.0 * float(scipy.stats.t.sf(abs(delta) / error, freedom))
    return Comparison(delta, delta - reach, delta + reach, min(1.0, p), test)


def wilson_of(rate: float, n: float, freedom: float) -> tuple[float, float]:
    """Return Wilson's interval (1927, JASA 22) of a rate that need not be a whole number of successes.

    Args:
        rate: In 0..1.
        n: Number of units that it is worth, which need not be whole.
        freedom: Degrees of freedom of the quantile; infinite for the normal one.
    """
    z = _quantile(freedom)
    middle, shrink = rate + z * z / (2 * n), 1 + z * z / n
    reach = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return max(0.0, (middle - reach) / shrink), min(1.0, (middle + reach) / shrink)


def _quantile(freedom: float) -> float:
    return float(scipy.stats.t.ppf(_UPPER, freedom))
