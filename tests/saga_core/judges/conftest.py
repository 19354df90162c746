from __future__ import annotations

import pytest
from small_parsers import GREYNIR, PARSER, SPACY, STANZA, TAGGER, TOKENIZER, train_udpipe

from saga_core.judges.protocol import Judge, load_judge
from saga_core.recipe import ParserSettings


@pytest.fixture(scope="session")
def udpipe(tmp_path_factory: pytest.TempPathFactory) -> ParserSettings:
    path = tmp_path_factory.mktemp("udpipe") / "nb.udpipe"
    return ParserSettings(kind="udpipe", model=str(train_udpipe(path, 120, TOKENIZER, TAGGER, PARSER)))


@pytest.fixture(scope="session")
def spacy_judge() -> Judge:
    return load_judge(SPACY, "nb", "all_sentences")


@pytest.fixture(scope="session")
def stanza_judge() -> Judge:
    return load_judge(STANZA, "nb", "all_sentences")


@pytest.fixture(scope="session")
def udpipe_judge(udpipe: ParserSettings) -> Judge:
    return load_judge(udpipe, "nb", "all_sentences")


@pytest.fixture(scope="session")
def greynir_judge() -> Judge:
    return load_judge(GREYNIR, "is", "all_sentences")
