"""Holm's correction: known by hand, and never less strict than each test alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.evaluation.multiplicity import holm

p_values = st.dictionaries(st.integers(), st.floats(0.0, 1.0), max_size=8)


def test_by_hand() -> None:
    corrected = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert corrected == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(corrected) == ["a", "b", "c", "d"]


@given(p_values)
def test_between_each_alone_and_bonferroni_and_in_the_same_order(ps: dict[int, float]) -> None:
    corrected = holm(ps)
    for name, p in ps.items():
        assert p <= corrected[name] <= min(1.0, len(ps) * p)
    order = sorted(ps, key=lambda name: ps[name])
    assert [corrected[name] for name in order] == sorted(corrected.values())
