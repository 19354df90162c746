"""Stages of a toy pipeline: real sessions, stores and keys, and no model."""

from collections.abc import Callable
from pathlib import Path

import pytest

from saga_core.recipe_file import load_recipe
from tasks.opening import open_session
from tasks.session import Session


@pytest.fixture
def open_demo(tmp_path: Path) -> Callable[..., Session]:
    def open_(*overrides: str, refresh: frozenset[str] = frozenset()) -> Session:
        return open_session(load_recipe("demo", overrides), str(tmp_path / "store"), refresh)

    return open_
