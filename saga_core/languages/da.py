"""Danish."""

from __future__ import annotations

from saga_core.languages import Language, wikipedia
from saga_core.recipe import ParserSettings, TaskSource

LANGUAGE = Language(
    code="da",
    name="Danish",
    short="DA",
    summary_prompt="Dokument: {text}\nResumé:",
    reading_prompt="Tekst: {text}\nSpørgsmål: {question}\nSvar:",
    card_prompt="Dansk er",
    sources=(wikipedia("da"),),
    judge=ParserSettings(kind="spacy", model="da_core_news_lg"),
    evaluator=ParserSettings(kind="stanza", model="da"),
    treebank="treebanks/da_ddt-ud-test.conllu",
    summaries=TaskSource(hub="EuroEval/nordjylland-news-mini"),
    reading=TaskSource(hub="EuroEval/multi-wiki-qa-da-mini"),
)
