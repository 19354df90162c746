from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saga_core.errors import StageError
from saga_core.evaluation.statistics import (
    Comparison,
    Estimate,
    auroc,
    bootstrap_mean,
    bootstrap_statistic,
    compare_means,
    compare_rates,
    compare_statistics,
    mcnemar,
    paired_bootstrap_p,
    paired_permutation,
    wilson,
)

_FINITE = st.floats(-1e6, 1e6)


def _ratio(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    return np.asarray(a.sum(axis) / b.sum(axis))


# The first two are the intervals that the method quotes for the card's 98.5% and 83.0%.
@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(197, 200, 0.957, 0.995), (166, 200, 0.772, 0.876), (0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0)],
)
def test_wilson_agrees_with_published_intervals(successes: int, n: int, low: float, high: float) -> None:
    estimate = wilson(successes, n)
    assert (estimate.value, estimate.n) == (successes / n, n)
    assert (estimate.low, estimate.high) == (pytest.approx(low, abs=5e-4), pytest.approx(high, abs=5e-4))


@given(st.lists(_FINITE, min_size=1, max_size=30), st.integers(0, 2**31))
@settings(max_examples=40)
def test_a_bootstrap_interval_is_ordered_within_the_values_and_reproducible(values: list[float], seed: int) -> None:
    estimate = bootstrap_mean(values, seed, 200)
    slack = 1e-9 * max(map(abs, values))
    assert min(values) - slack <= estimate.low <= estimate.high <= max(values) + slack
    assert estimate.value == pytest.approx(np.mean(values))
    assert estimate == bootstrap_mean(values, seed, 200)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("values", [[0.0] * 9, [1.0] * 200, [0.3], [2.5, 2.5]])
def test_constant_values_have_an_interval_of_no_width(values: list[float]) -> None:
    assert bootstrap_mean(values, 0, 300) == Estimate(values[0], values[0], values[0], len(values))


@pytest.mark.filterwarnings("error")
def test_nearly_constant_values_have_a_finite_interval() -> None:
    estimate = bootstrap_mean([0.0] * 199 + [1.0], 0, 500)
    assert 0.0 <= estimate.low <= estimate.value <= estimate.high < 0.1


def test_bootstrap_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    # Skewed, as negative log-likelihoods of documents are.
    covered = 0
    for seed in range(150):
        estimate = bootstrap_mean(rng.exponential(size=60), seed, 300)
        covered += estimate.low <= 1.0 <= estimate.high
    assert 0.87 <= covered / 150 <= 0.99


def test_a_statistic_of_several_samples_resamples_whole_units() -> None:
    size = np.arange(1.0, 101.0)
    # The ratio is the same in every unit, so in every resample.
    estimate = bootstrap_statistic(_ratio, [3 * size, size], 0, 300)
    assert (estimate.low, estimate.high) == (pytest.approx(3.0), pytest.approx(3.0))


def test_an_interval_is_fast() -> None:
    values = np.random.default_rng(0).random(200)
    bootstrap_mean(values, 0, 10)
    start = time.perf_counter()
    bootstrap_mean(values, 0, 2_000)
    assert time.perf_counter() - start < 0.3


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=12), st.lists(st.integers(-5, 5), min_size=1, max_size=12))
def test_auroc_is_the_chance_that_a_positive_outscores_a_negative(positive: list[int], negative: list[int]) -> None:
    wins = [(p > n) + 0.5 * (p == n) for p, n in itertools.product(positive, negative)]
    assert float(auroc(positive, negative)) == pytest.approx(np.mean(wins))
    assert float(auroc(negative, positive)) == pytest.approx(1 - np.mean(wins))


def test_auroc_takes_many_resamples_at_once() -> None:
    rng = np.random.default_rng(0)
    positive, negative = rng.random((7, 30)), rng.random((7, 40))
    expected = [float(auroc(p, n)) for p, n in zip(positive, negative, strict=True)]
    assert auroc(positive, negative, axis=-1).tolist() == pytest.approx(expected)


def test_mcnemar_is_the_binomial_test_of_the_changes() -> None:
    before = [True] * 50 + [False] * 50 + [False] * 8 + [True] * 2
    after = [True] * 50 + [False] * 50 + [True] * 8 + [False] * 2
    # 2 (C(10,0) + C(10,1) + C(10,2)) / 2^10
    assert mcnemar(before, after) == pytest.approx(2 * 56 / 1024)
    assert mcnemar(after, before) == mcnemar(before, after)
    assert mcnemar(before, before) == 1.0


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=1, max_size=8))
@settings(max_examples=40)
def test_paired_permutation_of_few_units_counts_every_flip(pairs: list[tuple[int, int]]) -> None:
    before, after = zip(*pairs, strict=True)
    difference = np.subtract(after, before)
    flips = np.array(list(itertools.product([-1, 1], repeat=len(pairs))))
    exact = np.mean(np.abs((flips * difference).sum(1)) >= abs(difference.sum()))
    assert paired_permutation(before, after, 0) == pytest.approx(exact)


def test_paired_permutation_sees_a_small_consistent_change_that_spread_would_hide() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(size=200)
    after = before + 0.02 + 0.01 * rng.normal(size=200)
    assert paired_permutation(before, after, 0) < 0.001
    assert paired_permutation(before, rng.permutation(before), 0) > 0.05


def test_paired_bootstrap_p_is_two_sided_and_never_zero() -> None:
    assert paired_bootstrap_p(np.full(999, 0.5)) == pytest.approx(2 / 1000)
    assert paired_bootstrap_p(np.zeros(999)) == 1.0
    assert paired_bootstrap_p(np.repeat([-1.0, 1.0], [99, 900])) == pytest.approx(2 * 100 / 1000)


def test_comparisons_tell_direction_interval_and_test() -> None:
    rng = np.random.default_rng(1)
    before, after = rng.random(200) < 0.5, rng.random(200) < 0.8
    rates = compare_rates(before, after)
    assert rates.delta == pytest.approx(after.mean() - before.mean())
    assert 0 < rates.low < rates.delta < rates.high
    assert (rates.p < 0.001, rates.test) == (True, "exact McNemar")
    means = compare_means([0.1, 0.2, 0.4], [0.1, 0.2, 0.4], 0, 500)
    assert means == Comparison(0.0, 0.0, 0.0, 1.0, "paired permutation")


def test_the_interval_of_paired_rates_is_the_published_one() -> None:
    # The example of R's PropCIs::diffpropci.mp(b = 40, c = 20, n = 160).
    before = np.repeat([True, False, True], [40, 20, 100])
    after = np.repeat([False, True, True], [40, 20, 100])
    found = compare_rates(before, after)
    assert (found.low, found.high) == pytest.approx((-0.21601726, -0.03089632), abs=1e-7)
    assert found.delta == -20 / 160


@given(cells=st.lists(st.integers(0, 40), min_size=4, max_size=4).filter(any))
def test_the_interval_of_paired_rates_has_a_width_and_holds_the_difference(cells: list[int]) -> None:
    both, lost, gained, neither = cells
    found = compare_rates(
        np.repeat([True, True, False, False], [both, lost, gained, neither]),
        np.repeat([True, False, True, False], [both, lost, gained, neither]),
    )
    assert -1.0 <= found.low <= found.delta <= found.high <= 1.0
    assert found.low < found.high


def test_a_paired_bootstrap_ignores_what_units_have_in_common() -> None:
    rng = np.random.default_rng(2)
    tokens = rng.integers(50, 500, 150).astype(float)
    # Documents differ a lot, the models little.
    before = tokens * rng.uniform(2, 6, 150)
    after = before * rng.uniform(0.97, 1.0, 150)
    comparison = compare_statistics(_ratio, [before, tokens], [after, tokens], 0, 800)
    assert comparison.low < comparison.delta < comparison.high < 0
    assert comparison.p == pytest.approx(2 / 801)
    unpaired = bootstrap_statistic(_ratio, [before, tokens], 0, 800)
    assert unpaired.low < unpaired.value + comparison.delta


def test_one_unit_is_evidence_of_nothing() -> None:
    assert compare_statistics(_ratio, [[1.0], [2.0]], [[3.0], [2.0]], 0, 200).p == 1.0
    assert compare_means([0.0], [1.0], 0, 200).p == 1.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: wilson(0, 0),
        lambda: bootstrap_mean([], 0, 100),
        lambda: auroc([], [1.0]),
        lambda: auroc([1.0], []),
        lambda: compare_rates([], []),
        lambda: compare_means([1.0], [1.0, 2.0], 0, 100),
        lambda: compare_statistics(_ratio, [[1.0], [1.0]], [[1.0, 2.0], [1.0, 2.0]], 0, 100),
        lambda: bootstrap_mean([1.0, float("nan")], 0, 100),
    ],
)
def test_no_unit_unlike_units_and_no_number_are_refused(call: Callable[[], object]) -> None:
    with pytest.raises(StageError):
        call()
