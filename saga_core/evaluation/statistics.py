"""How sure a figure is: intervals of one model's figures, and paired tests between two models.

Both models are measured on the same units (prompts, documents, sentence pairs), so every test between them is
a paired one, and every resample draws whole units.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # its parts load at first use, so reading an Estimate costs nothing
from numpy.typing import ArrayLike, NDArray

from saga_core.errors import StageError

FloatArray = NDArray[np.float64]
# Statistic of samples of units: statistic(*samples, axis=axis) -> one number for each resample.
Statistic = Callable[..., FloatArray]
# The statistic of each resample, and the interval.
Resampled = tuple[FloatArray, tuple[float, float]]

_LEVEL = 0.95
_Z = 1.959964
_PERMUTATIONS = 9_999
# Numbers that a resampling step holds at once: 16 MB.
_CELLS = 2_000_000


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95% interval.

    Attributes:
        value: The figure.
        low: Lower end of the interval.
        high: Upper end.
        n: Number of units that it was computed from.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Comparison:
    """A difference between two models measured on the same units.

    Attributes:
        delta: Second figure minus first.
        low: Lower end of the 95% interval of the difference.
        high: Upper end.
        p: Two-sided p-value of no difference.
        test: Name of the test.
    """

    delta: float
    low: float
    high: float
    p: float
    test: str


def wilson(successes: int, n: int) -> Estimate:
    """Estimate a rate, with Wilson's score interval (Wilson 1927, JASA 22).

    Raises:
        StageError: ``n`` is 0.
    """
    _require(n, "rate")
    interval = scipy.stats.binomtest(int(successes), n).proportion_ci(_LEVEL, method="wilson")
    return Estimate(successes / n, float(interval.low), float(interval.high), n)


def bootstrap_mean(values: ArrayLike, seed: int, resamples: int) -> Estimate:
    """Estimate a mean; see ``bootstrap_statistic``."""
    return bootstrap_statistic(np.mean, [values], seed, resamples)


def bootstrap_statistic(statistic: Statistic, samples: Sequence[ArrayLike], seed: int, resamples: int) -> Estimate:
    """Estimate any statistic over units, with a bootstrap interval of 95%.

    The interval is bias-corrected and accelerated (BCa; Efron 1987, JASA 82). Where BCa is not defined, as
    when nearly all resamples agree, it is the percentile interval; where all units agree, or there is one
    alone, both its ends are the figure.

    Args:
        statistic: Called with the samples and ``axis``, the axis of the units; must work on many resamples at
            once.
        samples: One or more sequences of numbers, (n,) each; the i-th numbers of all belong to unit i.
        seed: Seed of the resampling.
        resamples: Number of resamples.

    Raises:
        StageError: There is no unit, or the samples differ in length.
    """
    arrays = _units(samples)
    n = len(arrays[0])
    value = float(statistic(*arrays, axis=-1))
    if all(np.all(array == array[0]) for array in arrays):
        return Estimate(value, value, value, n)
    distribution, (low, high) = _resample(statistic, arrays, seed, resamples, "BCa")
    if not (np.isfinite(low) and np.isfinite(high)):
        low, high = _percentiles(distribution)
    return Estimate(value, float(low), float(high), n)


def auroc(positive: ArrayLike, negative: ArrayLike, axis: int = -1) -> FloatArray:
    """Return the area under the ROC curve: the chance that a positive outscores a negative.

    A tie counts half. Computed by ranks, as Mann and Whitney's U / (n m) (Hanley & McNeil 1982, Radiology
    143).

    Args:
        positive: Scores of positives, units along ``axis``.
        negative: Scores of negatives, the other axes alike.
        axis: Axis of the units.

    Returns:
        The areas, without that axis; for plain sequences a number.

    Raises:
        StageError: There is no positive or no negative.
    """
    above, below = np.asarray(positive, np.float64), np.asarray(negative, np.float64)
    n, m = above.shape[axis], below.shape[axis]
    _require(min(n, m), "AUROC")
    ranks = scipy.stats.rankdata(np.concatenate([above, below], axis=axis), axis=axis)
    total = np.take(ranks, np.arange(n), axis=axis).sum(axis=axis)
    return np.asarray((total - n * (n + 1) / 2) / (n * m), np.float64)


def compare_rates(before: ArrayLike, after: ArrayLike) -> Comparison:
    """Compare two rates over the same units by McNemar's exact test.

    The interval is Wald's with half a unit added to each cell of the fourfold table (Agresti & Min 2005, Statistics in
    Medicine 24). Unlike a bootstrap's it has a width where no unit changed, as few units don't tell that none would.

    Args:
        before: Whether each unit succeeded under the first model.
        after: Likewise under the second.

    Raises:
        StageError: There is no unit, or the numbers of units differ.
    """
    gained, lost, units = _changed(before, after)
    n = units + 2
    middle = (gained - lost) / n
    reach = _Z * float(np.sqrt(gained + lost + 1 - (gained - lost) ** 2 / n)) / n
    low, high = max(-1.0, middle - reach), min(1.0, middle + reach)
    return Comparison((gained - lost) / units, low, high, mcnemar(before, after), "exact McNemar")


def compare_means(before: ArrayLike, after: ArrayLike, seed: int, resamples: int) -> Comparison:
    """Compare two means over the same units by a paired permutation test; the interval is bootstrapped."""
    first, second = _units([before, after])
    change = bootstrap_mean(second - first, seed, resamples)
    p = paired_permutation(before, after, seed)
    return Comparison(change.value, change.low, change.high, p, "paired permutation")


def compare_statistics(
    statistic: Statistic, before: Sequence[ArrayLike], after: Sequence[ArrayLike], seed: int, resamples: int
) -> Comparison:
    """Compare any statistic over the same units by a paired bootstrap; the resamples give interval and p.

    Args:
        statistic: As for ``bootstrap_statistic``.
        before: The first model's samples.
        after: The second model's, of the same units in the same order.
        seed: Seed of the resampling.
        resamples: Number of resamples.

    Raises:
        StageError: There is no unit, or the samples differ in length.
    """
    arrays = _units([*before, *after])
    split = len(before)

    def difference(*samples: FloatArray, axis: int) -> FloatArray:
        return statistic(*samples[split:], axis=axis) - statistic(*samples[:split], axis=axis)

    delta = float(difference(*arrays, axis=-1))
    if len(arrays[0]) == 1:
        # One unit says nothing of others.
        return Comparison(delta, delta, delta, 1.0, "paired bootstrap")
    distribution, (low, high) = _resample(difference, arrays, seed, resamples, "percentile")
    p = paired_bootstrap_p(distribution)
    return Comparison(delta, float(low), float(high), p, "paired bootstrap")


def mcnemar(before: ArrayLike, after: ArrayLike) -> float:
    """Return the two-sided p of McNemar's exact test: are changes one way as likely as the other?

    Args:
        before: Whether each unit succeeded under the first model.
        after: Likewise under the second.

    Raises:
        StageError: There is no unit, or the numbers of units differ.
    """
    gained, lost, _ = _changed(before, after)
    return float(scipy.stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def paired_permutation(before: ArrayLike, after: ArrayLike, seed: int) -> float:
    """Return the two-sided p of a paired permutation test of the mean difference, by flipping signs.

    Exact where all flips are fewer than 10,000, else from 9,999 random ones.

    Raises:
        StageError: There is no unit, or the numbers of units differ.
    """
    first, second = _units([before, after])
    differences = second - first
    # Two flips of one unit are equally extreme, and scipy takes no sample of one.
    if len(differences) == 1 or not differences.any():
        return 1.0
    result = scipy.stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_PERMUTATIONS,
        batch=max(1, _CELLS // len(differences)),
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def paired_bootstrap_p(distribution: FloatArray) -> float:
    """Return the two-sided p of no difference from resampled differences.

    2 min(P(d <= 0), P(d >= 0)), with one added to each count, so that p is never 0 (Davison & Hinkley 1997,
    4.4).

    Args:
        distribution: Difference of each resample, (resamples,).
    """
    least = min(np.sum(distribution <= 0.0), np.sum(distribution >= 0.0))
    return float(min(1.0, 2.0 * (least + 1) / (len(distribution) + 1)))


def _changed(before: ArrayLike, after: ArrayLike) -> tuple[int, int, int]:
    """Return how many units came to succeed, how many ceased to, and how many there are."""
    first, second = (array.astype(bool) for array in _units([before, after]))
    return int(np.sum(~first & second)), int(np.sum(first & ~second)), len(first)


def _resample(statistic: Statistic, arrays: list[FloatArray], seed: int, resamples: int, method: str) -> Resampled:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        # scipy warns where BCa is not defined; the callers deal with that.
        warnings.simplefilter("ignore")
        result = scipy.stats.bootstrap(
            arrays,
            statistic,
            n_resamples=resamples,
            batch=max(1, _CELLS // len(arrays[0])),
            vectorized=True,
            paired=True,
            confidence_level=_LEVEL,
            method=method,
            rng=np.random.default_rng(seed),
        )
    return result.bootstrap_distribution, (result.confidence_interval.low, result.confidence_interval.high)


def _percentiles(distribution: FloatArray) -> tuple[float, float]:
    low, high = np.quantile(distribution, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


def _units(samples: Sequence[ArrayLike]) -> list[FloatArray]:
    arrays = [np.asarray(sample, np.float64) for sample in samples]
    _require(len(arrays[0]), "statistic")
    if len({array.shape for array in arrays}) != 1:
        raise StageError(
            f"samples of {', '.join(str(len(array)) for array in arrays)} units are not of the same units",
            "statistics",
            "measure both models on the same items",
        )
    if not all(np.isfinite(array).all() for array in arrays):
        raise StageError("a figure is not a number", "statistics", "look for an overflow in the model's data type")
    return arrays


def _require(n: int, what: str) -> None:
    if n == 0:
        raise StageError(f"no unit to compute a {what} from", "statistics", "give at least one item")
