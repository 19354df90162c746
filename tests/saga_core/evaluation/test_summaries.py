from __future__ import annotations

import pytest

from saga_core.errors import StageError
from saga_core.evaluation.summaries import SummaryOutcome, summ_ps, summ_score


def test_figures() -> None:
    outcomes = [
        SummaryOutcome(str(i), "Tekst.", quality > 0, quality) for i, quality in enumerate([0.8, 0.0, 0.6, 0.0])
    ]
    assert (summ_ps(outcomes).value, summ_ps(outcomes).n) == (0.5, 4)
    estimate = summ_score(outcomes, 0, 300)
    assert estimate.value == pytest.approx(0.35)
    assert 0 <= estimate.low < 0.35 < estimate.high <= 0.8


def test_no_summary_is_no_figure() -> None:
    with pytest.raises(StageError):
        summ_ps([])
