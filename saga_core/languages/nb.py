"""Norwegian Bokmål."""

from __future__ import annotations

from saga_core.languages import Language, wikipedia
from saga_core.recipe import ParserSettings, TaskSource

LANGUAGE = Language(
    code="nb",
    name="Norwegian Bokmål",
    short="NB",
    summary_prompt="Dokument: {text}\nSammendrag:",
    reading_prompt="Tekst: {text}\nSpørsmål: {question}\nSvar:",
    card_prompt="Norsk er",
    sources=(wikipedia("no"),),
    judge=ParserSettings(kind="spacy", model="nb_core_news_lg"),
    evaluator=ParserSettings(kind="stanza", model="nb"),
    treebank="treebanks/no_bokmaal-ud-test.conllu",
    summaries=TaskSource(hub="EuroEval/norsumm-nb"),
    reading=TaskSource(hub="EuroEval/norquad-mini"),
)
