from __future__ import annotations

from typing import Any

import pytest

from saga_core.demo import DEMO_MODELS
from saga_core.generation.models import load_model


@pytest.fixture(scope="session")
def tiny() -> tuple[Any, Any]:
    return load_model(str(DEMO_MODELS / "nb-tiny"), revision=None, device="cpu")
