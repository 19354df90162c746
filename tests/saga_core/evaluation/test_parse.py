from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saga_core.evaluation.parse import ParseOutcome, judge_texts, parse_score, parse_success
from saga_core.judges.protocol import Judge


def test_a_blank_text_does_not_pass_and_the_others_keep_their_places(judge: Judge) -> None:
    done: list[int] = []
    texts = ["", "Han leser en bok.", " \n", "Hun synger en sang.", ""]
    verdicts = judge_texts(judge, texts, lambda n=1: done.append(n))
    assert [v.passed for v in verdicts] == [False, True, False, True, False]
    assert [v.quality for v in verdicts[::2]] == [0.0, 0.0, 0.0]
    assert sum(done) == 5
    assert verdicts[3] == judge.judge([texts[3]], lambda done=1: None)[0]


def test_nothing_but_blank_texts(judge: Judge) -> None:
    assert [v.passed for v in judge_texts(judge, ["", ""], lambda done=1: None)] == [False, False]


@given(st.lists(st.one_of(st.just(0.0), st.floats(0.1, 1.0)), min_size=1, max_size=30))
@settings(max_examples=30)
def test_score_is_the_success_rate_times_the_mean_quality_of_successes(qualities: list[float]) -> None:
    outcomes = [ParseOutcome(str(i), "", q > 0, q, 1.0) for i, q in enumerate(qualities)]
    successes = [q for q in qualities if q]
    expected = sum(successes) / len(successes) * parse_success(outcomes).value if successes else 0.0
    assert parse_score(outcomes, 0, 100).value == pytest.approx(expected)
