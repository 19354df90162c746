"""A store is tried out before it is trusted with conditional writes."""

import time
from pathlib import Path

import pytest
from artifact_making import make
from servers.fixtures import Bucket, Proxied

from saga_core.artifacts.capabilities import probe
from saga_core.artifacts.local_storage import LocalStorage
from saga_core.artifacts.store import Store
from saga_core.errors import RefusedError


def test_a_disk_and_a_real_protocol_have_them(tmp_path: Path, bucket: Bucket) -> None:
    for uri in (str(tmp_path), f"{bucket.url}/store"):
        store = Store(uri)
        assert store.capabilities.conditional_writes
        assert abs(store.capabilities.now() - time.time()) < 5
        # What was tried leaves nothing.
        assert store.storage.files("") == []


@pytest.mark.parametrize("stripped", [1.0, 0.5])
def test_a_server_that_ignores_the_condition_is_found_out(bucket: Bucket, proxied: Proxied, stripped: float) -> None:
    proxied(bucket, strip_conditions=stripped)
    store = Store(f"{bucket.url}/store")
    assert not store.capabilities.conditional_writes
    # Then the first record counts, and a second writer uses it.
    first = make(store, "first")
    assert make(Store(f"{bucket.url}/store"), "second") == first


def test_a_disk_without_hard_links_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*names: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    # As on a FAT file system, which cannot be mounted everywhere.
    monkeypatch.setattr("os.link", refuse)
    with pytest.raises(RefusedError):
        LocalStorage(str(tmp_path)).create("a", b"1")
    store = Store(str(tmp_path))
    assert not probe(store.storage).conditional_writes
    assert make(store, "first") == make(store, "second")
