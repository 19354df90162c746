"""Norwegian Bokmål."""

from __future__ import annotations

from saga_core.languages import Language

LANGUAGE = Language(
    code="nb",
    name="Norwegian Bokmål",
    short="NB",
    summary_prompt="Dokument: {text}\nSammendrag:",
    reading_prompt="Tekst: {text}\nSpørsmål: {question}\nSvar:",
    card_prompt="Norsk er",
)
