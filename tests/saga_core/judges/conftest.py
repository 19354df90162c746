from __future__ import annotations

import pytest

from saga_core.demo import DEMO_MODELS
from saga_core.judges.protocol import Judge, load_judge
from saga_core.recipe import ParserSettings


@pytest.fixture(scope="session")
def spacy_judge() -> Judge:
    settings = ParserSettings(kind="spacy", model=str(DEMO_MODELS / "nb-spacy-judge"))
    return load_judge(settings, "nb", "all_sentences")


@pytest.fixture(scope="session")
def stanza_judge() -> Judge:
    settings = ParserSettings(kind="stanza", model=str(DEMO_MODELS / "nb-stanza-evaluator"))
    return load_judge(settings, "nb", "all_sentences")
