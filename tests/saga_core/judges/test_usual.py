"""How much doubt is usual, of many held-out sentences and of few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.judges.usual import usual


@pytest.mark.parametrize("n", [50, 400, 2_000])
def test_of_real_sentences_about_the_share_that_is_asked_for_is_lost(n: int) -> None:
    rng = np.random.default_rng(0)
    lost = []
    for _ in range(60):
        known = usual(rng.gumbel(size=n).tolist())
        lost.append(np.mean([known.share(doubt) < 0.01 for doubt in rng.gumbel(size=2_000)]))
    # By the greatest doubt alone it would be 2% of 50.
    assert 0.003 < np.mean(lost) < 0.03


def test_the_share_falls_from_one_and_never_to_nothing() -> None:
    known = usual(list(range(1_000)))
    assert known.share(-5) == 1.0
    assert known.share(500) == pytest.approx(0.5, abs=0.01)
    assert known.share(949) == pytest.approx(0.05, abs=0.001)
    assert 0 < known.share(1_200) < known.share(999) < 0.05


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=40), st.floats(-60, 60), st.floats(0, 60))
def test_the_more_doubtful_the_fewer(doubts: list[float], doubt: float, more: float) -> None:
    known = usual(doubts)
    assert 0 <= known.share(doubt + more) <= known.share(doubt) <= 1
