"""Parsers small enough for tests: those of the demo."""

from __future__ import annotations

from saga_core.demo import DEMO_MODELS
from saga_core.recipe import ParserSettings

SPACY = ParserSettings(kind="spacy", model=str(DEMO_MODELS / "nb-spacy-judge"))
STANZA = ParserSettings(kind="stanza", model=str(DEMO_MODELS / "nb-stanza-evaluator"))
