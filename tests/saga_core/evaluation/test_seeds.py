from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from saga_core.errors import StageError
from saga_core.evaluation.seeds import SeedFigures, compare_over_seeds, estimate_over_seeds, rate_over_seeds
from saga_core.evaluation.statistics import Estimate, FloatArray, wilson


def _of(values: FloatArray) -> SeedFigures:
    return SeedFigures.of(values.mean(1), values)


def _drawn(rng: np.random.Generator, k: int, n: int, seeds: float) -> FloatArray:
    return rng.normal(size=(k, 1)) * seeds + rng.normal(size=(1, n)) * 0.7 + rng.normal(size=(k, n))


@pytest.mark.parametrize(
    ("k", "seeds", "least", "most"), [(3, 0.0, 0.94, 0.995), (3, 0.1, 0.93, 0.99), (5, 0.3, 0.91, 0.975)]
)
def test_the_interval_covers_other_seeds_and_other_items(k: int, seeds: float, least: float, most: float) -> None:
    rng, covered = np.random.default_rng(k), 0
    for _ in range(600):
        estimate = estimate_over_seeds(_of(_drawn(rng, k, 80, seeds)))
        covered += estimate.low <= 0.0 <= estimate.high
    assert least <= covered / 600 <= most


def test_alike_recipes_differ_significantly_about_one_time_in_twenty_where_seeds_matter() -> None:
    rng, folded, pretended = np.random.default_rng(1), 0, 0
    for _ in range(500):
        before, after = (_drawn(rng, 4, 60, 0.2) for _ in range(2))
        folded += compare_over_seeds(_of(before), _of(after)).p < 0.05
        # What a test of one seed's model would claim of the recipe.
        pretended += compare_over_seeds(_of(before[:1]), _of(after[:1])).p < 0.05
    assert 0.02 <= folded / 500 <= 0.09
    assert pretended / 500 > 0.12


@given(arrays(np.float64, (3, 7), elements=st.floats(-5, 5)))
@settings(max_examples=50)
def test_order_of_seeds_and_items_is_no_matter(values: FloatArray) -> None:
    estimate, turned = estimate_over_seeds(_of(values)), estimate_over_seeds(_of(values[::-1, ::-1]))
    assert (turned.low, turned.high) == (pytest.approx(estimate.low), pytest.approx(estimate.high))
    assert estimate.low <= estimate.value <= estimate.high
    assert estimate.n == 7


def test_one_seed_has_the_interval_of_its_items_alone() -> None:
    values = np.random.default_rng(2).normal(size=(1, 30))
    estimate = estimate_over_seeds(_of(values))
    low, high = scipy.stats.ttest_1samp(values[0], 0.0).confidence_interval()
    assert (estimate.low, estimate.high) == (pytest.approx(low), pytest.approx(high))
    comparison = compare_over_seeds(_of(values), _of(values + np.linspace(0.5, 1, 30)))
    assert comparison.test == "paired t over items, one seed"


def test_seeds_that_differ_widen_the_interval_and_a_base_stands_beside_each() -> None:
    rng = np.random.default_rng(3)
    base = rng.normal(size=(1, 50))
    alike = np.repeat(base + 0.1 * rng.normal(size=(1, 50)), 3, axis=0) + 0.01 * rng.normal(size=(3, 50))
    apart = alike + np.array([[-1.0], [0.0], [1.0]])
    near, far = (compare_over_seeds(_of(base), _of(model)) for model in (alike, apart))
    assert near.delta == pytest.approx(far.delta)
    assert far.high - far.low > 20 * (near.high - near.low)
    assert near.test == "t over 3 seeds and items"


@given(arrays(np.int64, (3, 20), elements=st.integers(0, 1)))
@settings(max_examples=50)
def test_the_interval_of_a_rate_stays_within_bounds(outcomes: FloatArray) -> None:
    estimate = rate_over_seeds(_of(outcomes.astype(float)))
    assert 0.0 <= estimate.low <= estimate.value + 1e-12
    assert estimate.value - 1e-12 <= estimate.high <= 1.0
    assert estimate.high - estimate.low > 0.05


def test_a_whole_rate_of_three_seeds_is_as_sure_as_its_items() -> None:
    estimate, known = rate_over_seeds(_of(np.ones((3, 200)))), wilson(200, 200)
    assert estimate == Estimate(1.0, pytest.approx(known.low), pytest.approx(known.high), 200)


@pytest.mark.parametrize(
    ("figures", "values"), [([1.0], [[1.0], [2.0]]), ([], []), ([1.0], [[]]), ([float("nan")], [[1.0, 2.0]])]
)
def test_what_is_no_matrix_of_seeds_and_items_is_refused(figures: list[float], values: list[list[float]]) -> None:
    with pytest.raises(StageError):
        SeedFigures.of(figures, values)


@pytest.mark.parametrize("shape", [(3, 5), (2, 4), (2, 5)])
def test_other_items_or_other_numbers_of_seeds_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(StageError, match="not of the same items and seeds"):
        compare_over_seeds(_of(np.zeros((3, 4))), _of(np.zeros(shape)))
