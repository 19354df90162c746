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
    # No pipeline of spaCy's is released: one is trained from the training part of the treebank.
    judge=ParserSettings(kind="treebank", model="treebanks/no_nynorsk-ud-train.conllu"),
    evaluator=ParserSettings(kind="stanza", model="nn"),
    treebank="treebanks/no_nynorsk-ud-test.conllu",
    # The documents are in Bokmål, the summaries to be written in Nynorsk.
    summaries=TaskSource(hub="EuroEval/norsumm-nn"),
    reading=TaskSource(hub="EuroEval/multi-wiki-qa-nn-mini"),
)
