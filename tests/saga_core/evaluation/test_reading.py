from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.evaluation.reading import ReadingOutcome, exact_match, f1, first_line, rc_aps, rc_em, rc_f1

_WORDS = st.lists(st.sampled_from(["i", "Oslo", "oslo.", "by", "en", "-"]), max_size=6).map(" ".join)


@pytest.mark.parametrize(
    ("answer", "right", "expected"),
    [
        ("Oslo", ("Oslo",), 1.0),
        ("oslo!", ("«Oslo»",), 1.0),
        ("i Oslo", ("Oslo",), 2 / 3),
        # English articles are words of other languages too.
        ("en an", ("en",), 2 / 3),
        ("Oslo Oslo", ("Oslo",), 2 / 3),
        ("Bergen", ("Oslo", "i Bergen"), 2 / 3),
        ("", ("Oslo",), 0.0),
        ("Oslo", (), 0.0),
        ("", (), 1.0),
        ("A\u030as", ("Ås",), 1.0),
    ],
)
def test_f1_is_the_overlap_with_the_nearest_answer(answer: str, right: tuple[str, ...], expected: float) -> None:
    assert f1(answer, right) == pytest.approx(expected)
    assert exact_match(answer, right) == (expected == 1.0)


@given(_WORDS, _WORDS)
def test_f1_is_symmetric_bounded_and_one_for_a_match(one: str, other: str) -> None:
    assert 0.0 <= f1(one, [other]) <= 1.0
    assert f1(one, [other]) == f1(other, [one])
    assert f1(one, [one]) == 1.0
    assert not exact_match(one, [other]) or f1(one, [other]) == 1.0


@pytest.mark.parametrize(
    ("generated", "finished", "expected"),
    [
        (" Oslo.\nTekst: Mer", False, ("Oslo.", True)),
        ("\n\n Oslo \nMer", False, ("Oslo", True)),
        (" Det er Os", False, ("Det er Os", False)),
        (" Det er Oslo", True, ("Det er Oslo", True)),
        ("", True, ("", True)),
        ("\n", False, ("", False)),
    ],
)
def test_the_answer_is_the_first_line(generated: str, finished: bool, expected: tuple[str, bool]) -> None:
    assert first_line(generated, finished) == expected


def test_figures() -> None:
    outcomes = [
        ReadingOutcome("a", "Det er Oslo.", True, 0.9, 0.5, False),
        ReadingOutcome("b", "Oslo", False, 0.0, 1.0, True),
    ]
    assert rc_aps(outcomes).value == rc_em(outcomes).value == 0.5
    assert rc_f1(outcomes, 0, 200).value == 0.75
