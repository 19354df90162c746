import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.ages import age_in_words, parse_age
from saga_core.errors import UserError


@pytest.mark.parametrize(
    ("text", "seconds", "words"),
    [
        ("90m", 5400, "90 minutes"),
        ("1h", 3600, "1 hour"),
        ("12h", 43_200, "12 hours"),
        ("30d", 2_592_000, "30 days"),
        ("8w", 4_838_400, "8 weeks"),
        ("3650d", 315_360_000, "3650 days"),
        ("0d", 0, "0 seconds"),
    ],
)
def test_an_age_is_a_number_and_a_unit(text: str, seconds: float, words: str) -> None:
    assert parse_age(text, "--older-than") == seconds
    assert age_in_words(seconds) == words


@pytest.mark.parametrize(
    "text", ["", "30", "d", "-1d", "1.5d", "30 d", "30D", "1y", "٣d", "3651d", "9999999m", "30d\n"]
)
def test_anything_else_is_a_mistake(text: str) -> None:
    with pytest.raises(UserError, match="--older-than"):
        parse_age(text, "--older-than")


@given(st.text(max_size=8))
def test_any_text_is_an_age_or_a_mistake(text: str) -> None:
    with contextlib.suppress(UserError):
        assert 0 <= parse_age(text, "--older-than") <= 3650 * 86_400
