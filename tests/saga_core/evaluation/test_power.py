from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from evaluation_results import result_of
from hypothesis import given, settings
from hypothesis import strategies as st

from saga_core.evaluation.power import detectable_differences, detectable_mean, detectable_rate, mcnemar_power
from saga_core.evaluation.statistics import mcnemar
from saga_core.evaluation.suite import compare


def _connor(n: int, discordant: float) -> float:
    """Connor 1987, Biometrics 43, solved for the difference: the large-sample formula."""

    def lacking(delta: float) -> float:
        return (1.96 * math.sqrt(discordant) + 0.8416 * math.sqrt(discordant - delta**2)) ** 2 / delta**2 - n

    return float(scipy.optimize.brentq(lacking, 1e-6, discordant))


@pytest.mark.parametrize(("n", "discordant"), [(200, 0.25), (200, 0.5), (1_000, 0.1), (2_000, 0.2)])
def test_of_many_differing_items_it_is_connors_formula_and_a_little_more(n: int, discordant: float) -> None:
    exact, large = detectable_rate(n, discordant), _connor(n, discordant)
    assert exact is not None
    assert large < exact < 1.06 * large


def test_the_power_is_how_often_the_test_finds_it() -> None:
    rng, n, delta, discordant = np.random.default_rng(0), 80, 0.15, 0.3
    gain, found = (discordant + delta) / 2, 0
    for _ in range(1_000):
        kind = rng.random(n)
        before = (kind > gain) & (kind < discordant)
        after = kind < gain
        found += mcnemar(before, after) < 0.05
    assert found / 1_000 == pytest.approx(mcnemar_power(n, delta, discordant), abs=0.035)


def test_without_a_differing_item_it_is_what_six_of_one_kind_would_show() -> None:
    # McNemar's exact test needs six changes of one kind: 2 / 2^6 < 0.05 < 2 / 2^5.
    found = detectable_rate(200, 0.0)
    assert found == pytest.approx(0.0392, abs=1e-4)
    assert scipy.stats.binom.sf(5, 200, found) == pytest.approx(0.8, abs=1e-3)
    assert detectable_rate(5, 0.0) is None
    assert detectable_rate(6, 0.0) == pytest.approx(0.8 ** (1 / 6), abs=1e-4)


@given(st.integers(6, 300), st.floats(0.0, 1.0))
@settings(max_examples=40, deadline=None)
def test_more_items_find_less_and_power_grows_with_the_difference(n: int, discordant: float) -> None:
    few, many = detectable_rate(n, discordant), detectable_rate(4 * n, discordant)
    assert many is not None
    assert few is None or many < few
    assert mcnemar_power(n, 0.0, discordant) <= 0.05 + 1e-9
    assert mcnemar_power(n, 0.1, discordant) <= mcnemar_power(n, 0.4, discordant) + 1e-9


def test_of_a_mean_it_is_2_8_errors() -> None:
    differences = np.random.default_rng(1).normal(size=100)
    assert detectable_mean(differences) == pytest.approx(2.8016 * np.std(differences, ddof=1) / 10, rel=1e-4)
    assert detectable_mean([0.5, 0.5, 0.5]) is None
    assert detectable_mean([0.5]) is None


def test_every_compared_metric_has_one() -> None:
    before, after = result_of(0, passing=0.6), result_of(1, passing=0.8)
    comparisons = compare(before, after, 0, 300)
    found = detectable_differences(before, after, comparisons)
    assert found.keys() == comparisons.keys()
    assert all(value is not None and value > 0 for value in found.values())
    same = detectable_differences(before, before, compare(before, before, 0, 300))
    assert same["parse_success"] == pytest.approx(detectable_rate(len(before.parse), 0.0))
    assert (same["parse_score"], same["ppl"]) == (None, None)
