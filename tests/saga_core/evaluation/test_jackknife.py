from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.errors import StageError
from saga_core.evaluation.jackknife import compare_jackknife, jackknife_error, jackknife_estimate, pseudo_values
from saga_core.evaluation.statistics import Comparison, Estimate, FloatArray

_VALUES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30)


def _means(values: FloatArray) -> tuple[float, FloatArray]:
    return float(values.mean()), (values.sum() - values) / (len(values) - 1)


def _entropy(symbols: FloatArray) -> float:
    share = np.unique(symbols, return_counts=True)[1] / len(symbols)
    return float(-(share * np.log(share)).sum())


def _entropies(symbols: FloatArray) -> tuple[float, FloatArray]:
    return _entropy(symbols), np.array([_entropy(np.delete(symbols, i)) for i in range(len(symbols))])


@given(_VALUES)
def test_of_a_mean_it_is_the_standard_error_and_its_pseudo_values_are_the_values(values: list[float]) -> None:
    numbers = np.asarray(values)
    mean, without = _means(numbers)
    assert jackknife_error(without) == pytest.approx(np.std(numbers, ddof=1) / math.sqrt(len(numbers)), abs=1e-7)
    assert pseudo_values(mean, without) == pytest.approx(numbers, abs=1e-6)
    estimate = jackknife_estimate(mean, without)
    assert estimate.low <= estimate.value == mean <= estimate.high


@given(_VALUES)
def test_comparing_turns_round_with_the_models(values: list[float]) -> None:
    before, after = _means(np.asarray(values)), _means(np.asarray(values[::-1]))
    there, back = compare_jackknife(before, after), compare_jackknife(after, before)
    assert (there.delta, there.p) == (pytest.approx(-back.delta), pytest.approx(back.p))
    assert (there.low, there.high) == (pytest.approx(-back.high), pytest.approx(-back.low))
    assert 0.0 <= there.p <= 1.0


def test_the_interval_of_an_entropy_covers_it_about_as_often_as_it_says() -> None:
    rng, shares = np.random.default_rng(3), np.array([0.4, 0.3, 0.2, 0.1])
    truth, covered = float(-(shares * np.log(shares)).sum()), 0
    for _ in range(300):
        estimate = jackknife_estimate(*_entropies(rng.choice(4, 60, p=shares)))
        covered += estimate.low <= truth <= estimate.high
    assert 0.90 <= covered / 300 <= 0.985


def test_two_models_that_are_alike_differ_significantly_about_one_time_in_twenty() -> None:
    rng, rejected = np.random.default_rng(4), 0
    for _ in range(300):
        # The models share an item's difficulty.
        shared = rng.random(60) < 0.5
        first, second = (np.where(shared, 0, rng.choice(5, 60)) for _ in range(2))
        rejected += compare_jackknife(_entropies(first), _entropies(second)).p < 0.05
    assert 0.02 <= rejected / 300 <= 0.085


def test_items_in_common_make_the_comparison_sharper() -> None:
    rng = np.random.default_rng(5)
    before = rng.choice(5, 80, p=[0.5, 0.2, 0.1, 0.1, 0.1])
    after = np.where(rng.random(80) < 0.1, 0, before)
    first, second = _entropies(before), _entropies(after)
    paired, apart = compare_jackknife(first, second), jackknife_estimate(*first)
    assert paired.test == "paired jackknife"
    assert paired.high - paired.low < 0.7 * (apart.high - apart.low)


def test_one_unit_and_equal_units_are_evidence_of_nothing() -> None:
    assert jackknife_estimate(0.5, [math.nan]) == Estimate(0.5, 0.5, 0.5, 1)
    assert compare_jackknife((0.5, [math.nan]), (0.75, [math.nan])) == Comparison(
        0.25, 0.25, 0.25, 1.0, "paired jackknife"
    )
    assert compare_jackknife((0.5, [0.5, 0.5]), (0.5, [0.5, 0.5])).p == 1.0


@pytest.mark.parametrize(("value", "without"), [(1.0, []), (math.nan, [1.0, 2.0]), (1.0, [1.0, math.inf])])
def test_no_unit_and_no_number_are_refused(value: float, without: list[float]) -> None:
    with pytest.raises(StageError):
        jackknife_estimate(value, without)


def test_other_units_are_refused() -> None:
    with pytest.raises(StageError, match="samples of 2, 3 units"):
        compare_jackknife((1.0, [1.0, 2.0]), (1.0, [1.0, 2.0, 3.0]))
