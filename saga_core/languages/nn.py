"""Norwegian Nynorsk."""

from __future__ import annotations

from saga_core.languages import Language, wikipedia
from saga_core.recipe import ParserSettings, TaskSource

LANGUAGE = Language(
    code="nn",
    name="Norwegian Nynorsk",
    short="NN",
    summary_prompt="Dokument: {text}\nSamandrag:",
    reading_prompt="Tekst: {text}\nSpørsmål: {question}\nSvar:",
    card_prompt="Nynorsk er",
    sources=(wikipedia("nn"),),
    # No released pipeline for spaCy: a recipe names the judge.
    judge=None,
    evaluator=ParserSettings(kind="stanza", model="nn"),
    treebank="treebanks/no_nynorsk-ud-test.conllu",
    # The documents are in Bokmål, the summaries to be written in Nynorsk.
    summaries=TaskSource(hub="EuroEval/norsumm-nn"),
    reading=TaskSource(hub="EuroEval/multi-wiki-qa-nn-mini"),
)
