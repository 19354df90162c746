from __future__ import annotations

from collections import Counter

import pytest
from small_parsers import GREYNIR, PARSER, SPACY, STANZA, TAGGER, TOKENIZER, train_udpipe
from toy_language import TAGS, toy_sentences

from saga_core.judges.protocol import Judge, load_judge
from saga_core.judges.slip_training import lexicon_of, train_slips
from saga_core.judges.slips import SlipModel
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


@pytest.fixture(scope="session")
def slips() -> SlipModel:
    text = toy_sentences(4_000, 0)
    tagged = [[(word, TAGS.get(word, "PUNCT"), "") for word in sentence] for sentence in text[:200]]
    words = Counter(word for sentence in text for word in sentence)
    ticks: list[int] = []
    made = train_slips(
        text, toy_sentences(400, 9), lexicon_of(tagged, words), {}, "nb", 2, 0, lambda done=1: ticks.append(done)
    )
    assert sum(ticks) == 8_000
    assert made.auroc > 0.9
    return made.model
