"""Rows whose shards are made by several workers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saga_core.artifacts.partial import Partial
from saga_core.artifacts.shards import Rows, Shards, make_rows
from saga_core.artifacts.store import Store
from saga_core.errors import StoreError
from saga_core.progress import Tick

SCHEMA = {"n": "int64"}


def rows(count: int, calls: list[int] | None = None) -> Rows[int]:
    def compute(part: Sequence[int], tick: Tick) -> list[dict[str, int]]:
        (calls if calls is not None else []).extend(part)
        tick(len(part))
        return [{"n": n} for n in part]

    return Rows("numbers", range(count), lambda: compute, SCHEMA, "numbers")


def pieces(folder: Path) -> Partial:
    return Partial(Store(str(folder / "store")).storage, "data/x", folder / "cache", lambda: None)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 30), st.integers(1, 7), st.lists(st.integers(0, 3), min_size=30, max_size=30), st.booleans())
def test_however_it_is_shared_out_the_rows_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, count: int, size: int, hands: list[int], here_too: bool
) -> None:
    folder, made_here = tmp_path_factory.mktemp("shards"), []

    def spread(shards: Shards[Any]) -> None:
        missing = shards.missing()
        for hand in range(4):
            share = [name for name, to in zip(missing, hands, strict=False) if to == hand]
            # Hand 0 is this process; the others know no more than the names.
            if hand == 0 and here_too:
                shards.make(share)
            else:
                Shards(pieces(folder), rows(count), size).make(share)

    made = make_rows(pieces(folder), rows(count, made_here), size, spread)
    assert [row["n"] for row in made] == list(range(count))
    assert here_too or made_here == []


def test_only_what_is_missing_is_given_away_and_all_of_it_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Shards(pieces(tmp_path), rows(10), 3).make(["numbers-00000003-00000006"])
    given_away: list[str] = []

    def spread(shards: Shards[Any]) -> None:
        given_away.extend(shards.missing())
        Shards(pieces(tmp_path), rows(10), 3).make(given_away)
        assert shards.missing() == []

    make_rows(pieces(tmp_path), rows(10), 3, spread)
    assert given_away == ["numbers-00000000-00000003", "numbers-00000006-00000009", "numbers-00000009-00000010"]
    told = capsys.readouterr().err
    assert "3 of 10 were kept" in told
    assert "10/10 numbers" in told


def test_a_shard_that_nobody_cut_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such shard of numbers: numbers-00000000-00000005"):
        Shards(pieces(tmp_path), rows(10), 3).make(["numbers-00000000-00000005"])
    assert pieces(tmp_path).names() == []


def test_who_brings_nothing_is_not_asked_for_ever(tmp_path: Path) -> None:
    asked: list[int] = []
    with pytest.raises(StoreError, match="again and again"):
        make_rows(pieces(tmp_path), rows(10), 3, lambda shards: asked.append(len(shards.missing())))
    assert asked == [4, 4, 4]
