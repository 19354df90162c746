"""Swedish."""

from __future__ import annotations

from saga_core.languages import Language, wikipedia
from saga_core.recipe import ParserSettings, TaskSource

LANGUAGE = Language(
    code="sv",
    name="Swedish",
    short="SV",
    summary_prompt="Dokument: {text}\nSammanfattning:",
    reading_prompt="Text: {text}\nFråga: {question}\nSvar:",
    card_prompt="Svenska är",
    sources=(wikipedia("sv"),),
    judge=ParserSettings(kind="spacy", model="sv_core_news_lg"),
    evaluator=ParserSettings(kind="stanza", model="sv"),
    treebank="treebanks/sv_talbanken-ud-test.conllu",
    summaries=TaskSource(hub="EuroEval/swedn-mini"),
    reading=TaskSource(hub="EuroEval/multi-wiki-qa-sv-mini"),
)
