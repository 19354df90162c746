from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.rewards.mattr import mattr


def _naive(words: list[str], window: int) -> float:
    if len(words) < window:
        return len(set(words)) / len(words) if words else 0.0
    windows = [words[start : start + window] for start in range(len(words) - window + 1)]
    return sum(len(set(each)) / window for each in windows) / len(windows)


@given(st.lists(st.sampled_from(["a", "b", "c", "dd", "å"]), max_size=60), st.integers(1, 30))
def test_it_is_the_mean_over_the_windows(words: list[str], window: int) -> None:
    assert mattr(" ".join(words), window) == pytest.approx(_naive(words, window))


@given(st.text(max_size=60), st.integers(1, 10))
def test_it_lies_between_nothing_and_one(text: str, window: int) -> None:
    assert 0 <= mattr(text, window) <= 1


def test_few_words_have_their_plain_ratio() -> None:
    assert mattr("det er det", 25) == pytest.approx(2 / 3)
    assert mattr("ett ord til", 25) == 1


def test_repetition_counts_where_it_is_near() -> None:
    assert mattr("a b a b a b", 2) == 1
    assert mattr("a a a b b b", 2) == pytest.approx(0.6)


@pytest.mark.parametrize("text", ["", " \n", "… – « » !", "___"])
def test_a_text_without_a_word_has_none(text: str) -> None:
    assert mattr(text, 25) == 0


def test_case_and_punctuation_make_no_new_word() -> None:
    assert mattr("Hus, hus! «HUS» _hus_ (hus).", 25) == pytest.approx(1 / 5)


def test_hyphen_and_apostrophe_stay_inside_a_word() -> None:
    assert mattr("sør-øst sør øst", 25) == 1
    assert mattr("SMS-en sms-en -sms-en- SMS'er sms'er", 25) == pytest.approx(2 / 5)


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert mattr("gå " + unicodedata.normalize("NFD", "gå"), 25) == 0.5
