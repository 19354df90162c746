"""Pieces of an unfinished artifact: complete or not there, and checked when they are read."""

import dataclasses
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from artifact_making import key_of

from saga_core.artifacts.partial import Partial
from saga_core.artifacts.shards import Rows, make_rows
from saga_core.artifacts.store import Store
from saga_core.artifacts.tables import write_rows
from saga_core.errors import LeaseLostError
from saga_core.progress import Tick


@pytest.fixture(params=["local", "memory"])
def partial(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Partial:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    uri = str(tmp_path / "store") if request.param == "local" else f"memory://{tmp_path.name}"
    return Store(uri).partial("data", key_of(0), None)


def folder_with(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / f"made-{text}"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "file.txt").write_text(text)
    return folder


def test_a_piece_is_kept_and_fetched(partial: Partial, tmp_path: Path) -> None:
    assert partial.names() == []
    assert partial.fetch("one") is None
    partial.keep("one", folder_with(tmp_path, "1"))
    partial.keep("two", folder_with(tmp_path, "2"))
    assert partial.names() == ["one", "two"]
    found = partial.fetch("one")
    assert found is not None
    assert (found / "sub" / "file.txt").read_text() == "1"
    partial.drop("one")
    assert partial.names() == ["two"]
    partial.clear()
    assert partial.names() == []


@pytest.mark.parametrize("harm", ["changed", "missing", "manifest", "extra", "link"])
def test_a_damaged_piece_is_not_there(tmp_path: Path, harm: str) -> None:
    partial = Store(str(tmp_path / "store")).partial("data", key_of(0), None)
    partial.keep("one", folder_with(tmp_path, "1"))
    file = next((tmp_path / "store").rglob("file.txt"))
    manifest = next((tmp_path / "store").rglob("one.json"))
    if harm == "changed":
        file.write_text("2")
    elif harm == "missing":
        file.unlink()
    elif harm == "manifest":
        manifest.write_bytes(manifest.read_bytes()[:-20])
    elif harm == "extra":
        manifest.write_text(manifest.read_text().replace("sub/file.txt", "../../file.txt"))
    else:
        file.rename(tmp_path / "elsewhere.txt")
        file.symlink_to(tmp_path / "elsewhere.txt")
    assert partial.fetch("one") is None
    assert partial.names() == []
    partial.keep("one", folder_with(tmp_path, "again"))
    assert partial.fetch("one") is not None


def test_a_piece_of_another_key_or_of_another_name_is_not_there(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    store.partial("data", key_of(1), None).keep("one", folder_with(tmp_path, "of another key"))
    shutil.copytree(
        tmp_path / "store" / store.folder("data", key_of(1)), tmp_path / "store" / store.folder("data", key_of(0))
    )
    partial = store.partial("data", key_of(0), None)
    assert partial.names() == ["one"]
    assert partial.fetch("one") is None
    partial.keep("two", folder_with(tmp_path, "2"))
    for path in list((tmp_path / "store" / store.folder("data", key_of(0)) / "partial").glob("two*")):
        path.rename(path.with_name(path.name.replace("two", "three")))
    assert partial.fetch("three") is None


def test_a_piece_with_other_files_than_are_wanted_is_not_there(partial: Partial, tmp_path: Path) -> None:
    partial.keep("one", folder_with(tmp_path, "1"))
    assert partial.fetch("one", {"sub/file.txt"}) is not None
    assert partial.fetch("one", {"sub/file.txt", "sub/other.txt"}) is None
    assert partial.names() == []


def test_who_was_taken_over_keeps_nothing(tmp_path: Path) -> None:
    def lost() -> None:
        raise LeaseLostError("another process has taken over", "here")

    store = Store(str(tmp_path / "store"))
    partial = Partial(store.storage, "data/x", tmp_path / "cache", lost)
    with pytest.raises(LeaseLostError):
        partial.keep("one", folder_with(tmp_path, "1"))
    assert partial.names() == []


SCHEMA = {"n": "int64", "square": "int64"}


def squares(count: int, calls: list[int], fail_at: int | None = None) -> Rows[int]:
    """The squares of the first numbers; what is computed is noted in ``calls``."""

    def compute(part: Sequence[int], tick: Tick) -> list[dict[str, int]]:
        if fail_at in part:
            raise KeyboardInterrupt
        calls.extend(part)
        tick(len(part))
        return [{"n": n, "square": n * n} for n in part]

    return Rows("numbers", range(count), lambda: compute, SCHEMA, "numbers")


@pytest.mark.parametrize("harm", ["no rows", "fewer rows", "other column", "other type", "other file"])
def test_a_piece_that_is_no_such_shard_is_made_again(partial: Partial, tmp_path: Path, harm: str) -> None:
    make_rows(partial, squares(6, []), 3)
    planted = tmp_path / "planted"
    planted.mkdir()
    if harm == "fewer rows":
        write_rows(planted / "rows.parquet", [{"n": 3, "square": 9}], SCHEMA)
    elif harm == "other column":
        write_rows(planted / "rows.parquet", [{"n": n} for n in (3, 4, 5)], {"n": "int64"})
    elif harm == "other type":
        write_rows(planted / "rows.parquet", [{"n": "3", "square": 9}] * 3, {"n": "string", "square": "int64"})
    else:
        (planted / ("rows.parquet" if harm == "no rows" else "other.txt")).write_bytes(b"PAR1")
    partial.keep("numbers-00000003-00000006", planted)
    again: list[int] = []
    assert [row["n"] for row in make_rows(partial, squares(6, again), 3)] == list(range(6))
    assert again == [3, 4, 5]


@pytest.mark.parametrize("fail_at", [0, 3, 4, 9])
def test_what_a_kill_leaves_is_not_computed_again(partial: Partial, fail_at: int) -> None:
    done: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        make_rows(partial, squares(10, done, fail_at), 3)
    again: list[int] = []
    rows = make_rows(partial, squares(10, again), 3)
    assert rows == [{"n": n, "square": n * n} for n in range(10)]
    # At most one shard was lost, and nothing that was kept is made twice.
    assert done + again == list(range(10))
    assert len(done) == fail_at // 3 * 3


def test_shards_of_another_size_are_not_mixed_up(partial: Partial) -> None:
    make_rows(partial, squares(10, []), 3)
    assert [row["n"] for row in make_rows(partial, squares(10, []), 4)] == list(range(10))


def test_where_nothing_is_left_to_be_done_nothing_is_loaded(partial: Partial) -> None:
    make_rows(partial, squares(10, []), 3)
    rows = dataclasses.replace(squares(10, []), prepare=lambda: pytest.fail("there is nothing to prepare for"))
    assert [row["n"] for row in make_rows(partial, rows, 3)] == list(range(10))
