"""Faroese. No data set of summaries is known."""

from __future__ import annotations

from saga_core.languages import Language, wikipedia
from saga_core.recipe import ParserSettings, TaskSource

LANGUAGE = Language(
    code="fo",
    name="Faroese",
    short="FO",
    summary_prompt="Skjal: {text}\nSamandráttur:",
    reading_prompt="Tekstur: {text}\nSpurningur: {question}\nSvar:",
    card_prompt="Føroyskt er",
    sources=(wikipedia("fo"),),
    # No pipeline of spaCy's is released: one is trained from the training part of the treebank.
    judge=ParserSettings(kind="treebank", model="treebanks/fo_farpahc-ud-train.conllu"),
    evaluator=ParserSettings(kind="stanza", model="fo"),
    treebank="treebanks/fo_farpahc-ud-test.conllu",
    reading=TaskSource(hub="EuroEval/foqa"),
)
