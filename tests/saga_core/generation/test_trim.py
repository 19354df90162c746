from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.generation.trim import trim_to_complete

_PIECES = st.sampled_from(
    [
        "Han",
        " leser",
        " en",
        " bok",
        ".",
        "!",
        "…",
        "...",
        "»",
        '"',
        "(",
        ")",
        "\n",
        "\n\n",
        " ",
        " kl.",
        " 3.",
        "f.eks.",
    ]
)
_TEXT = st.one_of(st.text(max_size=60), st.lists(_PIECES, max_size=25).map("".join))


@given(prompt=_TEXT, continuation=_TEXT)
def test_result_is_a_prefix_and_stays_what_it_is(prompt: str, continuation: str) -> None:
    kept = trim_to_complete(prompt, continuation, "nb")
    assert continuation.startswith(kept)
    assert trim_to_complete(prompt, kept, "nb") == kept
    assert kept == "" or kept.strip()


@pytest.mark.parametrize(
    ("prompt", "continuation", "expected"),
    [
        ("Han leser", " en bok. Så går han", " en bok."),
        ("Han leser", " en bok", ""),
        ("Hun sa: «Nei", "!» Så gikk hun ned til", "!»"),
        ("(Hun gikk", " hjem.) Der var", " hjem.)"),
        ("Hva", " nå? – Jeg", " nå?"),
        ("Hun", ' gikk. "Kom', " gikk."),
        ("Og så", " ... kom han. Ja, han ...", " ... kom han. Ja, han ..."),
        ("Han", " kom hjem … Og så …", " kom hjem … Og så …"),
    ],
)
def test_cuts_after_the_last_end_mark_and_its_closing_quotes(prompt: str, continuation: str, expected: str) -> None:
    assert trim_to_complete(prompt, continuation, "nb") == expected


def test_a_full_stop_of_an_abbreviation_ends_no_sentence() -> None:
    assert trim_to_complete("Han", " kjøpte mat, f.eks.", "nb") == ""
    assert trim_to_complete("Han", " kom hjem. Der lå det bl.a.", "nb") == " kom hjem."


def test_a_line_break_ends_a_sentence_with_or_without_an_end_mark() -> None:
    assert trim_to_complete("Ny bok", " fra Hamsun\nHan er", "nb") == " fra Hamsun\n"
    assert trim_to_complete("Han leser", " en bok.\n\nHan er", "nb") == " en bok."


def test_a_sentence_that_the_prompt_completed_is_not_the_continuation() -> None:
    assert trim_to_complete("Han leser en bok.", " Så går han", "nb") == ""
    assert trim_to_complete("En overskrift", "\nSå går han", "nb") == ""


def test_an_empty_prompt_and_an_empty_continuation() -> None:
    assert trim_to_complete("", "Han leser. Hun", "nb") == "Han leser."
    assert trim_to_complete("Han leser.", "", "nb") == ""


@pytest.mark.parametrize("language", ["nb", "nn", "da", "sv", "is", "fo"])
def test_knows_every_language_of_ours(language: str) -> None:
    assert trim_to_complete("Gamle", " hus. Nye", language) == " hus."
