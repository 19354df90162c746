"""Copies of remote artifacts do not fill this machine's disk."""

import os
import time
from pathlib import Path

import pytest
from artifact_making import key_of, make
from servers.fixtures import Bucket

from saga_core.artifacts.cache import artifact_cache, piece_cache, remove_copy, unused_copies
from saga_core.artifacts.store import Store
from saga_core.errors import StoreError

DAY = 86_400.0


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_copies_that_are_not_used_go_and_are_fetched_again(bucket: Bucket) -> None:
    assert unused_copies(0) == []
    store = Store(f"{bucket.url}/store")
    old, used = (make(store, f"text {seed}", seed=seed) for seed in range(2))
    for record in (old, used):
        store.fetch(store.reference(record))
        long_ago = time.time() - 40 * DAY
        os.utime(artifact_cache() / record.digest, (long_ago, long_ago))
    store.fetch(store.reference(used))
    # What was used this week a stage may be at work with, whatever age is asked for.
    assert [copy.folder.name for copy in unused_copies(0)] == [old.digest]
    (copy,) = unused_copies(30 * DAY)
    assert copy.folder.name == old.digest
    assert copy.size >= len("text 0")
    remove_copy(copy)
    assert unused_copies(30 * DAY) == []
    assert (store.fetch(store.reference(old)) / "sub" / "file.txt").read_text() == "text 0"


def test_what_is_complete_leaves_no_copies_of_its_pieces(bucket: Bucket, tmp_path: Path) -> None:
    partial = Store(f"{bucket.url}/store").partial("data", key_of(0), None)
    (tmp_path / "piece").mkdir()
    (tmp_path / "piece" / "rows.json").write_text("[1]")
    partial.keep("one", tmp_path / "piece")
    assert partial.fetch("one") is not None
    assert list(piece_cache().iterdir())
    partial.clear()
    assert list(piece_cache().iterdir()) == []


def test_a_folder_of_copies_that_goes_is_no_missing_file(bucket: Bucket, tmp_path: Path) -> None:
    store = Store(f"{bucket.url}/store")
    record = make(store, "text")
    path = f"{store.folder('data', record.key)}/{record.attempt}/sub/file.txt"
    with pytest.raises(StoreError, match="the folder for copies was removed while they were made"):
        store.storage.get(path, tmp_path / "gone" / "file.txt")
