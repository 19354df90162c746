"""Languages are found by file, and an unknown one says what there is."""

from __future__ import annotations

import string
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core import languages
from saga_core.errors import UserError

ICELANDIC = """
from saga_core.languages import Language

LANGUAGE = Language("is", "Icelandic", "IS", "Skjal: {text}\\nSamantekt:", "{text}{question}", "Íslenska er")
"""


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


def test_bokmaal_prompts_are_those_of_the_specification() -> None:
    nb = languages.get("nb")
    assert nb.summary_prompt.format(text="{Oslo}") == "Dokument: {Oslo}\nSammendrag:"
    assert nb.reading_prompt.format(text="T", question="Q?") == "Tekst: T\nSpørsmål: Q?\nSvar:"
    assert nb.card_prompt == "Norsk er"


def test_a_new_file_is_a_new_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # "is" is a keyword of Python, so it also shows that such a code can be a file.
    (tmp_path / "is.py").write_text(ICELANDIC, encoding="utf-8")
    monkeypatch.setattr(languages, "__path__", [*languages.__path__, str(tmp_path)])
    try:
        assert {"is", "nb"} <= set(languages.codes())
        assert languages.get("is").name == "Icelandic"
    finally:
        sys.modules.pop("saga_core.languages.is", None)


@pytest.mark.parametrize("code", ["nbb", "NB", "no", "norwegian bokmal"])
def test_an_unknown_language_names_the_nearest(code: str) -> None:
    with pytest.raises(UserError, match="did you mean 'nb'") as raised:
        languages.get(code)
    assert repr(code) in str(raised.value)
    assert raised.value.exit_code == 2


@given(st.text(max_size=30).filter(lambda code: code not in languages.codes()))
def test_any_other_code_is_refused_and_lists_the_known(code: str) -> None:
    with pytest.raises(UserError) as raised:
        languages.get(code)
    assert f"known: {', '.join(languages.codes())}" in raised.value.remedy
