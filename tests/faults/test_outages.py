"""Faults of every kind between the program and a real S3 server."""

import subprocess
import threading
import time
from pathlib import Path

import pytest
from artifact_making import key_of, make
from faults.outages import campaign
from servers.ceph import Ceph
from servers.fixtures import lead_to

from saga_core.artifacts.storage import Patience
from saga_core.artifacts.store import Store
from saga_core.artifacts.transfer import describe, upload

pytestmark = pytest.mark.slow


def test_a_thousand_faults_record_nothing_that_is_not_there() -> None:
    faults = campaign(1_000, seed=1)
    assert faults.total() >= 1_000
    assert len(faults) >= 9


def test_a_server_killed_in_mid_upload_and_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with Ceph(tmp_path / "ceph", objectstore="bluestore") as ceph:
        lead_to(ceph, monkeypatch)
        ceph.make_bucket("restarted")
        store = Store("s3://restarted/store", Patience(seconds=120, first=120, lease=30))
        before = make(store, "before the kill")
        folder = tmp_path / "large"
        folder.mkdir()
        # Of many parts, so that the server dies between two of them.
        subprocess.run("base64 /dev/urandom | head -c 300M", shell=True, stdout=(folder / "large.txt").open("wb"))
        files = describe(folder)
        killed = threading.Event()

        def kill() -> None:
            while not store.storage.unfinished():  # type: ignore[attr-defined]
                time.sleep(0.05)
            ceph.kill()
            killed.set()
            time.sleep(3)
            ceph.restart()

        killer = threading.Thread(target=kill)
        killer.start()
        upload(store.storage, folder, "data/large", files)
        killer.join()
        assert killed.is_set()
        assert store.look("data", key_of(0)) == (before, None)
        copy = tmp_path / "copy.txt"
        store.storage.get("data/large/large.txt", copy)
        assert describe(folder) == files
        assert copy.read_bytes() == (folder / "large.txt").read_bytes()
        print(f"\nuploads that the kill left: {len(store.storage.unfinished())}")  # type: ignore[attr-defined]
