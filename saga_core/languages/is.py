"""Icelandic."""

from __future__ import annotations

from saga_core.languages import Language, wikipedia
from saga_core.recipe import ParserSettings, TaskSource

LANGUAGE = Language(
    code="is",
    name="Icelandic",
    short="IS",
    summary_prompt="Skjal: {text}\nSamantekt:",
    reading_prompt="Texti: {text}\nSpurning: {question}\nSvar:",
    card_prompt="Íslenska er",
    sources=(wikipedia("is"),),
    judge=ParserSettings(kind="greynir"),
    # Stanza's default package is of historical texts.
    evaluator=ParserSettings(kind="stanza", model="is", package="modern"),
    treebank="treebanks/is_modern-ud-test.conllu",
    summaries=TaskSource(hub="EuroEval/rrn-mini"),
    reading=TaskSource(hub="EuroEval/nqii-mini"),
)
