"""What is said twice in a row."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.judges.repetition import rarity, said_twice


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        ("Hun leser boka Leser boka .", "leser boka"),
        ("en to tre fire en to tre fire .", "en to tre fire"),
        ("veldig veldig bra", None),
        ("ja , ja , ja .", None),
        ("nei nei nei nei .", None),
        ("10 000 10 000 kroner", None),
        ("Hun leser boka , hun leser boka .", "Hun leser boka"),
        ("Hun leser boka og hun leser avisen .", None),
        ("", None),
    ],
)
def test_two_words_or_more_in_a_row(text: str, twice: str | None) -> None:
    assert said_twice(text.split()) == twice


@given(
    st.lists(st.sampled_from("abcdefgh"), max_size=6),
    st.lists(st.text("xyz", min_size=1), min_size=2, max_size=8).filter(lambda words: len(set(words)) > 1),
)
def test_it_finds_what_was_put_twice(before: list[str], again: list[str]) -> None:
    assert said_twice([*before, *again, *again]) is not None


@given(st.lists(st.integers(), unique=True, max_size=30))
def test_it_finds_nothing_where_no_word_comes_again(words: list[int]) -> None:
    assert said_twice([f"w{word}" for word in words]) is None


def test_the_rarer_the_more_doubtful() -> None:
    once, twice = ["en", "hund", "ser"], ["en", "hund", "en", "hund"]
    assert rarity([once] * 999) == pytest.approx(math.log(1_000))
    assert rarity([*[once] * 98, twice]) == pytest.approx(-math.log(2 / 100))
    assert rarity([]) == 0.0
