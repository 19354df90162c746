from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from saga_core.errors import StageError
from saga_core.evaluation.delong import compare_delong, delong_estimate
from saga_core.evaluation.statistics import auroc

_SCORES = st.lists(st.integers(-5, 5), min_size=1, max_size=15)
# Two normal distributions this far apart have an area of 0.75.
_APART = math.sqrt(2) * scipy.stats.norm.ppf(0.75)


def _by_definition(positive: np.ndarray, negative: np.ndarray) -> float:
    """DeLong's variance as the paper writes it, from all pairs."""
    wins = np.array([[(p > n) + 0.5 * (p == n) for n in negative] for p in positive])
    return float(np.var(wins.mean(1), ddof=1) / len(positive) + np.var(wins.mean(0), ddof=1) / len(negative))


@given(_SCORES, _SCORES)
@settings(max_examples=60)
def test_the_interval_holds_the_area_and_stays_within_bounds(positive: list[int], negative: list[int]) -> None:
    estimate = delong_estimate(positive, negative)
    assert 0.0 <= estimate.low <= estimate.value <= estimate.high <= 1.0
    assert (estimate.value, estimate.n) == (float(auroc(positive, negative)), len(positive) + len(negative))
    turned = delong_estimate(negative, positive)
    assert (turned.low, turned.high) == (pytest.approx(1 - estimate.high), pytest.approx(1 - estimate.low))


def test_the_error_is_that_of_the_definition_with_ties() -> None:
    rng = np.random.default_rng(0)
    positive, negative = rng.integers(0, 8, 30) + 2.0, rng.integers(0, 8, 20) + 0.0
    estimate = delong_estimate(positive, negative)
    area, error = estimate.value, math.sqrt(_by_definition(positive, negative))
    width = scipy.special.logit(estimate.high) - scipy.special.logit(estimate.low)
    assert width == pytest.approx(2 * 1.959964 * error / (area * (1 - area)))


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng, covered = np.random.default_rng(1), 0
    for _ in range(600):
        estimate = delong_estimate(rng.normal(_APART, size=60), rng.normal(size=50))
        covered += estimate.low <= 0.75 <= estimate.high
    assert 0.93 <= covered / 600 <= 0.975


def test_two_models_that_are_alike_differ_significantly_about_one_time_in_twenty() -> None:
    rng, rejected = np.random.default_rng(2), 0
    for _ in range(600):
        positive, negative = rng.normal(_APART, size=60), rng.normal(size=50)
        first, second = ((kind + rng.normal(size=len(kind)) for kind in (positive, negative)) for _ in range(2))
        rejected += compare_delong(tuple(first), tuple(second)).p < 0.05
    assert 0.03 <= rejected / 600 <= 0.07


def test_sentences_in_common_make_the_comparison_sharper() -> None:
    rng = np.random.default_rng(3)
    positive, negative = rng.normal(_APART, size=100), rng.normal(size=100)
    comparison = compare_delong((positive, negative), (positive + 0.1 * rng.normal(size=100), negative))
    alone = delong_estimate(positive, negative)
    assert comparison.test == "paired DeLong"
    assert comparison.low <= comparison.delta <= comparison.high
    assert comparison.high - comparison.low < 0.3 * (alone.high - alone.low)


def test_a_perfect_area_of_few_sentences_is_not_certain() -> None:
    few, many = (delong_estimate(np.arange(n) + 1_000.0, np.arange(n)) for n in (5, 200))
    # Wilson's interval of 5 of 5 and of 200 of 200.
    assert (few.low, few.high) == (pytest.approx(0.566, abs=1e-3), pytest.approx(1.0))
    assert many.low == pytest.approx(0.981, abs=1e-3)


def test_two_perfect_models_do_not_differ() -> None:
    comparison = compare_delong(([3, 4], [1, 2]), ([30, 40], [1, 2]))
    assert (comparison.delta, comparison.p) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (([1.0], []), ([1.0], [])),
        (([], [1.0]), ([], [1.0])),
        (([1.0, 2.0], [0.0]), ([1.0], [0.0])),
        (([1.0, math.nan], [0.0]), ([1.0, 2.0], [0.0])),
        (([1.0], [math.inf]), ([1.0], [0.0])),
    ],
)
def test_no_sentence_other_sentences_and_no_number_are_refused(
    before: tuple[list[float], list[float]], after: tuple[list[float], list[float]]
) -> None:
    with pytest.raises(StageError):
        compare_delong(before, after)
