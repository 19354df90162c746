from __future__ import annotations

import pytest

from saga_core.evaluation.diversity import mean_mattr
from saga_core.evaluation.parse import ParseOutcome


def test_mean_over_continuations() -> None:
    outcomes = [ParseOutcome(str(i), "", False, 0.0, value) for i, value in enumerate([0.9, 1.0, 0.5])]
    estimate = mean_mattr(outcomes, 0, 200)
    assert (estimate.value, estimate.n) == (pytest.approx(0.8), 3)
    assert 0.5 <= estimate.low <= 0.8 <= estimate.high <= 1.0
