from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.errors import UserError
from saga_core.hub import check_repository

_PART = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_]{0,20}[A-Za-z0-9])?", fullmatch=True)


@given(_PART, _PART)
def test_an_owner_and_a_name_are_a_repository(owner: str, name: str) -> None:
    check_repository(f"{owner}/{name}", "--to")


@given(st.text())
def test_whatever_is_taken_is_one_path_of_two_parts(name: str) -> None:
    with suppress(UserError):
        check_repository(name, "--to")
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", name)


@pytest.mark.parametrize("name", ["", "name", "/name", "org/", "a/b/c", "org/na me", "org/..", "https://h/org/name"])
def test_what_is_none_is_named(name: str) -> None:
    with pytest.raises(UserError) as error:
        check_repository(name, "--to")
    assert str(error.value).startswith("--to")
    assert str(error.value).endswith("; give org/name")
