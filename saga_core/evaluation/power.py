"""The smallest difference that a comparison of so many items would find: what "not significant" leaves open.

A difference is found when it is real and the test says so, at the 5% level and two-sided, four times out of five.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import scipy
from numpy.typing import ArrayLike

from saga_core.evaluation.statistics import Comparison, FloatArray
from saga_core.evaluation.units import Units, units_of

if TYPE_CHECKING:
    from saga_core.evaluation.outcomes import EvaluationResult

_LEVEL = 0.05
_POWER = 0.80
# z of the level, two-sided, and z of the power: how many standard errors a difference must be (Cohen 1988, ch. 2).
_ERRORS = 1.959964 + 0.841621
_LEAST_SHARE = 1e-12
_INTERVAL = 2 * 1.959964


def detectable_differences(
    before: EvaluationResult, after: EvaluationResult, comparisons: Mapping[str, Comparison]
) -> dict[str, float | None]:
    """Return the smallest detectable difference of each compared metric.

    Of a rate it is that of McNemar's exact test at the share of items on which these two models differ, of a mean
    2.80 standard errors of the items' differences; of any other metric 2.80 standard errors as the interval of the
    comparison has them, by a bootstrap, a jackknife or DeLong.

    Args:
        before: Evaluation of the first model.
        after: Evaluation of the second, of the same items.
        comparisons: Their comparison by metric; see ``suite.compare``.

    Returns:
        Differences in the metric's unit, by metric; None where the items are too few for any, or their differences have
        no spread to tell from.
    """
    first, second = units_of(before), units_of(after)
    return {
        metric: _detectable(first.get(metric), second.get(metric), comparison)
        for metric, comparison in comparisons.items()
    }


def detectable_rate(n: int, discordant: float) -> float | None:
    """Return the smallest difference of two rates, over the same items, that McNemar's exact test would find.

    It is where the test's exact power (Duffy 1984, Biometrics 40) reaches 80%. The items on which the models differ
    are as many as they are here, or, where that is fewer than the difference itself needs, all of that difference. So
    where no item differs it is the smallest change that would be found if every changed item changed the same way: for
    n = 200, 4.0 points. Connor (1987, Biometrics 43) gives nearly the same where many items differ.

    Args:
        n: Number of items.
        discordant: Share of the items on which the models differ, in 0..1.

    Returns:
        The difference, in 0..1; None where not even a change of every item would be found.
    """
    if mcnemar_power(n, 1.0, discordant) < _POWER:
        return None
    found = scipy.optimize.brentq(lambda delta: mcnemar_power(n, delta, discordant) - _POWER, 0.0, 1.0, xtol=1e-6)
    return float(found)


def mcnemar_power(n: int, delta: float, discordant: float) -> float:
    """Return how likely McNemar's exact test finds a true difference.

    Args:
        n: Number of items.
        delta: The difference of the two rates, in 0..1.
        discordant: Share of items on which the models differ; at least the difference.
    """
    share = max(delta, discordant)
    # Of numbers that no share of items can be scipy makes an overflow.
    share = share if share > _LEAST_SHARE else 0.0
    changed = np.arange(n + 1)
    # Of so many changed items, the fewest of one kind that are significant: none are where it is more than all.
    fewest = scipy.stats.binom.isf(_LEVEL / 2, changed, 0.5) + 1
    gains = (share + delta) / (2 * share) if share else 0.5
    found = scipy.stats.binom.sf(fewest - 1, changed, gains) + scipy.stats.binom.cdf(changed - fewest, changed, gains)
    return float(np.sum(scipy.stats.binom.pmf(changed, n, share) * found))


def detectable_mean(differences: ArrayLike) -> float | None:
    """Return the smallest mean difference that a test over the same items would find, 2.80 · sd/√n.

    Args:
        differences: Of each item, second model less first, (n,).

    Returns:
        None where the differences have no spread: what spread other items would have is not known.
    """
    changes: FloatArray = np.asarray(differences, np.float64)
    if len(changes) < 2 or np.ptp(changes) == 0.0:
        return None
    return float(_ERRORS * np.std(changes, ddof=1) / np.sqrt(len(changes)))


def _detectable(first: Units | None, second: Units | None, comparison: Comparison) -> float | None:
    if first is not None and second is not None:
        changes = second.ordered(first.ids).values - first.values
        if first.kind == "rate":
            return detectable_rate(len(changes), float(np.mean(changes != 0.0)))
        if first.kind == "mean":
            return detectable_mean(changes)
    return detectable_by_interval(comparison)


def detectable_by_interval(comparison: Comparison) -> float | None:
    """Return the smallest difference that a comparison would find, 2.80 standard errors as its interval has them.

    Returns:
        None where the interval has no width: what spread other items would have is not known.
    """
    width = comparison.high - comparison.low
    return _ERRORS * width / _INTERVAL if np.isfinite(width) and width > 0.0 else None
