"""Several models measured on the same items: every figure, and every arm tested against the first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import BaseModel, ConfigDict

from saga_core.errors import StageError
from saga_core.evaluation.comparability import incomparable_metrics
from saga_core.evaluation.holm import holm
from saga_core.evaluation.outcomes import EvaluationResult
from saga_core.evaluation.power import detectable_by_interval, detectable_differences
from saga_core.evaluation.seeds import SeedFigures, compare_over_seeds, estimate_over_seeds, rate_over_seeds
from saga_core.evaluation.statistics import Comparison, Estimate, compare_rates
from saga_core.evaluation.suite import compare, metrics
from saga_core.evaluation.units import Kind, units_of

_RESAMPLES_A_TEST = 1_000


@dataclass(frozen=True)
class Arm:
    """A recipe's models.

    Attributes:
        title: What it is called.
        results: The evaluation of each training seed's model.
    """

    title: str
    results: tuple[EvaluationResult, ...]


class Difference(BaseModel):
    """One metric of one arm, less that of the first arm.

    Attributes:
        arm: The arm's title.
        metric: The metric.
        comparison: Difference, interval and test.
        holm: Its p-value after Holm's correction over all metrics of all arms, perplexity and bits per byte counting
            as one where both are there.
        detectable: Smallest difference that so many items would show, or None where that cannot be told.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    arm: str
    metric: str
    comparison: Comparison
    holm: float
    detectable: float | None


class ArmsComparison(BaseModel):
    """What came of an ablation.

    Attributes:
        figures: Figures by metric of each base model and arm, by title, in order.
        bases: Titles of those that are base models.
        first: Title of the arm that the others are tested against.
        differences: Every metric of every other arm.
        tests: Number of tests that are corrected together.
        seeds: Number of training seeds of an arm.
        same: Title of an arm that turned out to be the same model as another, with that one's title; it has no figures
            of its own.
        left_out: Metrics that are not compared, with the reason.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    figures: dict[str, dict[str, Estimate]]
    bases: tuple[str, ...]
    first: str
    differences: tuple[Difference, ...]
    tests: int
    seeds: int
    same: dict[str, str]
    left_out: dict[str, str]

    @property
    def arms(self) -> list[str]:
        """Titles of the arms that have figures, the first one first."""
        return [title for title in self.figures if title not in self.bases]


def compare_arms(
    bases: Sequence[Arm], arms: Sequence[Arm], same: dict[str, str], seed: int, resamples: int
) -> ArmsComparison:
    """Measure every arm, and test each against the first, item by item.

    With one training seed an arm the tests are those of ``suite.compare``. With several, seeds and items are crossed
    random effects (``seeds``), so that a difference is one of the recipes and not of two lucky runs.

    Args:
        bases: The base models, of one evaluation each.
        arms: The arms, all different models, with as many seeds each.
        same: Arms that are left out because they are the same model as another, with that one's title.
        seed: Seed of the resampling.
        resamples: Resamples of a figure's interval; the differences have more where there are many tests.

    Raises:
        StageError: They were not measured on the same items, or have not as many seeds.
    """
    if len({len(arm.results) for arm in arms}) != 1:
        raise StageError("the arms have not as many seeds", "comparison", "run the same seeds for each")
    every = [result for arm in (*bases, *arms) for result in arm.results]
    left_out = incomparable_metrics(every)
    figures = {arm.title: _figures(arm, seed, resamples) for arm in (*bases, *arms)}
    # So many that the least p a bootstrap can give is still significant after the correction.
    enough = max(resamples, _RESAMPLES_A_TEST * len(arms[1:]) * len(figures[arms[0].title]))
    tested = [(arm.title, *_tested(arms[0], arm, seed, enough)) for arm in arms[1:]]
    sizes = {metric: estimate.n for metric, estimate in figures[arms[0].title].items()}
    rows = [
        (title, metric, _no_surer(comparison, sizes[metric]), detectable.get(metric))
        for title, comparisons, detectable in tested
        for metric, comparison in comparisons.items()
        if metric not in left_out
    ]
    # Perplexity and bits per byte are one sum of log-probabilities over two constants: one test, not two.
    twins = "ppl" not in left_out
    tests: dict[tuple[str, str], float] = {}
    for title, metric, comparison, _ in rows:
        test = title, _test_of(metric, twins)
        tests[test] = max(comparison.p, tests.get(test, 0.0))
    adjusted = dict(zip(tests, holm(list(tests.values())), strict=True))
    return ArmsComparison(
        figures={title: {m: v for m, v in found.items() if m not in left_out} for title, found in figures.items()},
        bases=tuple(base.title for base in bases),
        first=arms[0].title,
        differences=tuple(
            Difference(
                arm=title,
                metric=metric,
                comparison=comparison,
                holm=adjusted[title, _test_of(metric, twins)],
                detectable=detectable,
            )
            for title, metric, comparison, detectable in rows
        ),
        tests=len(tests),
        seeds=len(arms[0].results),
        same=same,
        left_out=left_out,
    )


def _test_of(metric: str, twins: bool) -> str:
    return "ppl" if twins and metric == "bits_per_byte" else metric


def _figures(arm: Arm, seed: int, resamples: int) -> dict[str, Estimate]:
    if len(arm.results) == 1:
        return metrics(arm.results[0], seed, resamples)
    found = {}
    for metric, folded in _folded(arm).items():
        estimate = (rate_over_seeds if folded.kind == "rate" else estimate_over_seeds)(folded.seeds)
        found[metric] = _shown(estimate) if folded.kind == "log" else estimate
    return found


def _tested(first: Arm, other: Arm, seed: int, resamples: int) -> tuple[dict[str, Comparison], dict[str, float | None]]:
    if len(first.results) == 1:
        before, after = first.results[0], other.results[0]
        comparisons = compare(before, after, seed, resamples)
        return comparisons, detectable_differences(before, after, comparisons)
    ours, theirs = _folded(first), _folded(other)
    comparisons = {}
    for metric, folded in ours.items():
        if metric not in theirs or theirs[metric].ids != folded.ids:
            raise StageError("the arms were not measured on the same items", other.title, "evaluate both again")
        comparison = compare_over_seeds(folded.seeds, theirs[metric].seeds)
        if folded.kind == "rate" and comparison.low == comparison.high:
            # No item's outcome differs under any seed; as many items tell no more than under one.
            one = compare_rates(folded.seeds.values[0], theirs[metric].seeds.values[0])
            comparison = replace(comparison, low=one.low, high=one.high)
        comparisons[metric] = _change(comparison, folded.seeds.figure) if folded.kind == "log" else comparison
    return comparisons, {metric: detectable_by_interval(each) for metric, each in comparisons.items()}


@dataclass(frozen=True)
class _Folded:
    """A metric of an arm by seed and item, the items in the order of their ids."""

    kind: Kind
    ids: tuple[str, ...]
    seeds: SeedFigures


def _folded(arm: Arm) -> dict[str, _Folded]:
    each = [units_of(result) for result in arm.results]
    found = {}
    for metric, units in each[0].items():
        ids = tuple(sorted(units.ids))
        if any(tuple(sorted(other[metric].ids)) != ids for other in each):
            raise StageError("two seeds were not measured on the same items", arm.title, "evaluate both again")
        rows = [other[metric].ordered(ids).values for other in each]
        found[metric] = _Folded(units.kind, ids, SeedFigures.of([other[metric].figure for other in each], rows))
    return found


def _no_surer(comparison: Comparison, n: int) -> Comparison:
    """Return a comparison whose p is no smaller than 2 · 2^-n, what n items that all agree are worth.

    A bootstrap of four documents never resamples a fifth that disagrees.
    """
    return replace(comparison, p=max(comparison.p, 2.0 ** (1 - min(n, 1_000))))


def _shown(estimate: Estimate) -> Estimate:
    value, low, high = (float(np.exp(x)) for x in (estimate.value, estimate.low, estimate.high))
    return Estimate(value, low, high, estimate.n)


def _change(comparison: Comparison, log: float) -> Comparison:
    """Return the difference of two logarithms as a change from the first one's level."""
    delta, low, high = (math.exp(log) * math.expm1(x) for x in (comparison.delta, comparison.low, comparison.high))
    return replace(comparison, delta=delta, low=low, high=high)
