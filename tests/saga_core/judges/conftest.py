from __future__ import annotations

import pytest
from small_parsers import SPACY, STANZA

from saga_core.judges.protocol import Judge, load_judge


@pytest.fixture(scope="session")
def spacy_judge() -> Judge:
    return load_judge(SPACY, "nb", "all_sentences")


@pytest.fixture(scope="session")
def stanza_judge() -> Judge:
    return load_judge(STANZA, "nb", "all_sentences")
