from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.judges.verdict import Verdict
from saga_core.recipe import ScoringSettings
from saga_core.rewards.score import PARSE_FAILURE, score

FAILED = Verdict(passed=False, quality=0.0, sentences=())


def test_what_does_not_parse_scores_minus_one_however_varied() -> None:
    assert score(FAILED, "alle ord er ulike", ScoringSettings()) == PARSE_FAILURE == -1


def test_diversity_enters_by_its_weight() -> None:
    verdict = Verdict(passed=True, quality=0.5, sentences=())
    assert score(verdict, "det er det", ScoringSettings()) == pytest.approx(0.8 * 0.5 + 0.2 * 2 / 3)
    assert score(verdict, "det er det", ScoringSettings(mattr_weight=0)) == 0.5
    assert score(verdict, "det er det", ScoringSettings(mattr_weight=1, mattr_window=1)) == 1


@given(st.floats(0.1, 1), st.text(max_size=40), st.floats(0, 1))
def test_what_parses_scores_above_what_does_not(quality: float, text: str, weight: float) -> None:
    settings = ScoringSettings(mattr_weight=weight)
    passed = score(Verdict(passed=True, quality=quality, sentences=()), text, settings)
    assert PARSE_FAILURE < 0 <= passed <= 1 + 1e-12
