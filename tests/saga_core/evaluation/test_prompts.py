from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saga_core.errors import StageError
from saga_core.evaluation.prompts import fit_prompt

_TEMPLATE = "Tekst: {text}\nSpørsmål: {question}\nSvar:"
_ARTICLE = "Ærfuglen bor ved kysten. Den dykker etter blåskjell, og den får mange unger hvert år. " * 30


def test_a_short_document_is_not_cut(tiny: tuple[Any, Any]) -> None:
    prompt = fit_prompt(tiny[1], _TEMPLATE, " Oslo er en by.\n", 100, question="Hva er Oslo?")
    assert prompt == "Tekst: Oslo er en by.\nSpørsmål: Hva er Oslo?\nSvar:"


@given(document=st.one_of(st.text(min_size=1, max_size=200), st.just(_ARTICLE)), room=st.integers(30, 200))
@settings(max_examples=60)
def test_a_prompt_fits_and_holds_the_start_of_its_document(tiny: tuple[Any, Any], document: str, room: int) -> None:
    tokenizer = tiny[1]
    try:
        prompt = fit_prompt(tokenizer, _TEMPLATE, document, room, question="Hva?")
    except StageError:
        # A blank document, or one whose first character alone does not fit.
        return
    assert len(tokenizer(prompt)["input_ids"]) <= room
    kept = prompt.removeprefix("Tekst: ").removesuffix("\nSpørsmål: Hva?\nSvar:")
    assert document.strip().startswith(kept.rstrip("\ufffd"))


def test_as_much_as_fits_is_kept(tiny: tuple[Any, Any]) -> None:
    prompt = fit_prompt(tiny[1], _TEMPLATE, _ARTICLE, 120, question="Hva?")
    assert 115 <= len(tiny[1](prompt)["input_ids"]) <= 120


def test_braces_in_a_document_are_text(tiny: tuple[Any, Any]) -> None:
    assert fit_prompt(tiny[1], "D: {text}", "{text} {x} {", 100) == "D: {text} {x} {"


@pytest.mark.parametrize("room", [-40, 0, 8])
def test_no_room_is_refused(tiny: tuple[Any, Any], room: int) -> None:
    with pytest.raises(StageError, match="no room"):
        fit_prompt(tiny[1], _TEMPLATE, _ARTICLE, room, question="Hva?")
