from __future__ import annotations

import math

import pytest

from saga_core.evaluation.standard_error import comparison_of, estimate_of
from saga_core.evaluation.statistics import Comparison, Estimate


def test_an_interval_is_as_wide_as_t_says() -> None:
    # t(9) and the normal's 97.5% points, from tables.
    few, many = estimate_of(1.0, 0.5, 9, 10), estimate_of(1.0, 0.5, math.inf, 10)
    assert (few.value - few.low, few.high - few.value) == (pytest.approx(2.262 * 0.5, abs=1e-3),) * 2
    assert many.high - 1.0 == pytest.approx(1.960 * 0.5, abs=1e-3)


def test_the_test_and_the_interval_agree() -> None:
    barely = comparison_of(0.0, 1.0, 1.0 / 2.2622, 9, 10, "a test")
    assert (barely.p, barely.low) == (pytest.approx(0.05, abs=1e-4), pytest.approx(0.0, abs=1e-3))


def test_without_spread_p_is_that_of_flipping_signs() -> None:
    assert comparison_of(0.5, 0.75, 0.0, 4, 5, "t") == Comparison(0.25, 0.25, 0.25, 2 / 2**5, "t")
    assert comparison_of(0.0, 1.0, 0.0, 0, 1, "t") == Comparison(1.0, 1.0, 1.0, 1.0, "t")
    assert estimate_of(0.5, 0.0, 0, 1) == Estimate(0.5, 0.5, 0.5, 1)


def test_what_rounding_leaves_is_no_difference() -> None:
    assert comparison_of(0.1 + 0.2, 0.3, 1e-18, 99, 100, "t") == Comparison(0.0, 0.0, 0.0, 1.0, "t")
