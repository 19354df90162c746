"""Languages are found by file, and an unknown one says what there is."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core import languages
from saga_core.errors import UserError


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("code", languages.codes())
def test_every_language_file_is_complete(code: str) -> None:
    language = languages.get(code)
    assert language.code == code
    assert fields(language.summary_prompt) == {"text"}
    assert fields(language.reading_prompt) == {"text", "question"}
    assert language.name
    assert language.short
    # A prompt that ends in a space merges with the continuation's first token.
    for prompt in (language.summary_prompt, language.reading_prompt, language.card_prompt):
        assert prompt == prompt.rstrip()


@pytest.mark.parametrize("code", languages.codes())
def test_the_parser_that_measures_is_another_and_text_is_at_hand(code: str) -> None:
    language = languages.get(code)
    assert language.evaluator is not None
    assert language.evaluator != language.judge
    assert language.sources
    assert language.treebank


@pytest.mark.parametrize(
    ("code", "summary", "reading", "card"),
    [
        ("nb", "Dokument: {O}\nSammendrag:", "Tekst: T\nSpørsmål: Q?\nSvar:", "Norsk er"),
        ("nn", "Dokument: {O}\nSamandrag:", "Tekst: T\nSpørsmål: Q?\nSvar:", "Nynorsk er"),
        ("da", "Dokument: {O}\nResumé:", "Tekst: T\nSpørgsmål: Q?\nSvar:", "Dansk er"),
        ("sv", "Dokument: {O}\nSammanfattning:", "Text: T\nFråga: Q?\nSvar:", "Svenska är"),
        ("is", "Skjal: {O}\nSamantekt:", "Texti: T\nSpurning: Q?\nSvar:", "Íslenska er"),
        ("fo", "Skjal: {O}\nSamandráttur:", "Tekstur: T\nSpurningur: Q?\nSvar:", "Føroyskt er"),
    ],
)
def test_prompts_are_those_of_the_specification(code: str, summary: str, reading: str, card: str) -> None:
    language = languages.get(code)
    assert language.summary_prompt.format(text="{O}") == summary
    assert language.reading_prompt.format(text="T", question="Q?") == reading
    assert language.card_prompt == card


def test_icelandic_is_measured_by_the_modern_package() -> None:
    evaluator = languages.get("is").evaluator
    assert evaluator is not None
    assert (evaluator.kind, evaluator.model, evaluator.package) == ("stanza", "is", "modern")


@pytest.mark.parametrize(
    ("code", "nearest"),
    [
        ("nbb", "'nb'"),
        ("NB", "'nb'"),
        # As near as others, of which there may be more one day.
        ("no", "'nb'"),
        ("no", "'nn'"),
        ("norwegian bokmal", "'nb'"),
        ("Icelandic", "'is'"),
        ("dansk", "'da'"),
    ],
)
def test_an_unknown_language_names_the_nearest(code: str, nearest: str) -> None:
    with pytest.raises(UserError, match=rf"did you mean [^?]*{nearest}") as raised:
        languages.get(code)
    assert repr(code) in str(raised.value)
    assert raised.value.exit_code == 2


@given(st.text(max_size=30).filter(lambda code: code not in languages.codes()))
def test_any_other_code_is_refused_and_lists_the_known(code: str) -> None:
    with pytest.raises(UserError) as raised:
        languages.get(code)
    assert f"known: {', '.join(languages.codes())}" in raised.value.remedy
