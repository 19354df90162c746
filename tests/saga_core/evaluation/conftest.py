from __future__ import annotations

from typing import Any

import pytest

from saga_core.demo import DEMO_MODELS
from saga_core.generation.models import load_model
from saga_core.judges.protocol import Judge, load_judge
from saga_core.recipe import ParserSettings


@pytest.fixture(scope="session")
def tiny() -> tuple[Any, Any]:
    return load_model(str(DEMO_MODELS / "nb-tiny"), revision=None, device="cpu")


@pytest.fixture(scope="session")
def judge() -> Judge:
    settings = ParserSettings(kind="spacy", model=str(DEMO_MODELS / "nb-spacy-judge"))
    return load_judge(settings, "nb", "all_sentences")
