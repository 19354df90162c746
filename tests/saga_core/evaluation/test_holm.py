from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.evaluation.holm import holm

_P = st.lists(st.floats(0.0, 1.0), max_size=20)


def test_it_is_the_method_of_the_paper() -> None:
    # As R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(_P)
def test_it_keeps_the_order_and_lies_between_no_correction_and_bonferronis(p: list[float]) -> None:
    adjusted = holm(p)
    assert all(a <= b <= min(1.0, a * len(p)) + 1e-12 for a, b in zip(p, adjusted, strict=True))
    order = np.argsort(p, kind="stable")
    assert sorted(adjusted) == [adjusted[i] for i in order]


def test_of_many_tests_without_a_difference_one_in_twenty_families_has_a_claim() -> None:
    draws = np.random.default_rng(0).random((2_000, 12))
    assert np.mean([min(holm(list(row))) < 0.05 for row in draws]) == pytest.approx(0.05, abs=0.015)
