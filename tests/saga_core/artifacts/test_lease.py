"""One writer an artifact: leases, their heartbeat, their expiry, and the fence behind them."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from artifact_making import claim, key_of, make, make_under
from servers.fixtures import Bucket

from saga_core.artifacts.holder import Holder
from saga_core.artifacts.lease import Lease, Standing, Waiting
from saga_core.artifacts.local_storage import LocalStorage
from saga_core.artifacts.record import Record
from saga_core.artifacts.storage import JSON_LIMIT, Entry, Patience
from saga_core.artifacts.store import Store
from saga_core.errors import LeaseLostError, StoreError

_SHORT = Patience(seconds=20, lease=2.0)
_ROOT = Path(__file__).resolve().parents[3]


def other(**changes: object) -> Holder:
    """A holder on another machine, of which nothing can be known but its heartbeat."""
    return Holder.this("test", ()).model_copy(update={"machine": "f" * 32, **changes})


@pytest.fixture(params=["local", "memory", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "s3":
        bucket: Bucket = request.getfixturevalue("bucket")
        return f"{bucket.url}/store"
    return str(tmp_path / "store") if request.param == "local" else f"memory://{tmp_path.name}"


def test_a_second_writer_waits_while_the_first_lives(uri: str) -> None:
    store = Store(uri, _SHORT)
    lease = store.claim("data", key_of(0), other())
    assert isinstance(lease, Lease)
    # Longer than the lease: the heartbeat keeps it.
    deadline = time.monotonic() + 2 * _SHORT.lease
    while time.monotonic() < deadline:
        standing = store.claim("data", key_of(0), other())
        assert isinstance(standing, Standing)
        assert "last heard of" in str(standing)
        time.sleep(0.3)
    lease.release()
    after = store.claim("data", key_of(0), other())
    assert isinstance(after, Lease)
    assert after.number == lease.number + 1
    after.release()


def test_a_silent_holder_is_taken_over_and_cannot_commit(uri: str) -> None:
    store = Store(uri, _SHORT)
    silent = store.claim("data", key_of(0), other())
    assert isinstance(silent, Lease)
    # Its heart stops, as a paused process's does.
    silent.stop()
    assert isinstance(store.claim("data", key_of(0), other()), Standing)
    time.sleep(_SHORT.lease + 1.2)
    made = make(store, "by the successor")
    with pytest.raises(LeaseLostError):
        silent.commit({"stage": "data"})
    with pytest.raises(LeaseLostError):
        silent.check()
    assert store.look("data", key_of(0)) == (made, None)


def test_no_clock_but_the_waiters_tells_that_a_holder_is_silent(store_of_old_files: Store) -> None:
    # As after a step of the storage's clock: by its times, every heartbeat is a day old.
    store = store_of_old_files
    lease = store.claim("data", key_of(0), other())
    assert isinstance(lease, Lease)
    deadline = time.monotonic() + 1.5 * _SHORT.lease
    while time.monotonic() < deadline:
        assert isinstance(store.claim("data", key_of(0), other()), Standing)
        time.sleep(0.2)
    lease.release()


@pytest.fixture
def store_of_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    entry = LocalStorage._entry

    def older(storage: LocalStorage, path: str) -> Entry:
        found = entry(storage, path)
        return dataclasses.replace(found, modified=found.modified - 86_400)

    monkeypatch.setattr(LocalStorage, "_entry", older)
    return Store(str(tmp_path / "store"), _SHORT)


def test_what_could_not_be_seen_counts_for_nothing() -> None:
    waiting = Waiting(0.4)
    assert waiting.silence("a", 1, 5.0) == 0.0
    time.sleep(0.1)
    assert 0.1 <= waiting.silence("a", 1, 5.0) < 0.3
    # Another folder, another heartbeat, another lease, and a gap longer than half a lease: all begin anew.
    assert waiting.silence("b", 1, 5.0) == 0.0
    assert waiting.silence("a", 1, 6.0) == 0.0
    assert waiting.silence("a", 2, 6.0) == 0.0
    time.sleep(0.25)
    assert waiting.silence("a", 2, 6.0) == 0.0


def test_who_was_taken_over_puts_nothing_aside(uri: str) -> None:
    store = Store(uri, _SHORT)
    damaged = make(store, "damaged")
    stale = store.claim("data", damaged.key, other(), redo=True)
    assert isinstance(stale, Lease)
    # It is paused between its look and its move, and another one mends what it found.
    stale.stop()
    mended = make(store, "mended", replace=True)
    with pytest.raises(LeaseLostError):
        store.set_aside("data", damaged.key, stale)
    assert Store(uri).look("data", mended.key) == (mended, None)


def test_a_refresh_that_was_committed_is_finished_and_not_made_once_more(uri: str) -> None:
    store = Store(uri, _SHORT)
    before, path = make(store, "before"), f"{store.folder('data', key_of(0))}/record.json"
    old = store.storage.read(path)
    after = make(store, "after", replace=True)
    assert old is not None
    # As after a kill between the end of the lease and the record.
    store.storage.write(path, old)
    fresh = Store(uri, _SHORT)
    assert fresh.look("data", before.key) == (before, None)
    assert fresh.claim("data", before.key, other(), redo=True, present=before) == after
    assert fresh.look("data", before.key) == (after, None)
    # Asked for again, it is made again.
    lease = fresh.claim("data", before.key, other(), redo=True, present=after)
    assert isinstance(lease, Lease)
    lease.release()


def test_a_dead_process_of_this_machine_is_not_waited_for(tmp_path: Path) -> None:
    code = "import sys; from artifact_making import *; claim(Store(sys.argv[1])); import os; os.kill(os.getpid(), 9)"
    environment = {**os.environ, "PYTHONPATH": f"{_ROOT}:{_ROOT / 'tests'}"}
    dead = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, timeout=60)
    assert dead.returncode == -signal.SIGKILL
    store = Store(str(tmp_path))
    start = time.monotonic()
    assert isinstance(claim(store), Lease)
    assert time.monotonic() - start < 5


def test_a_commit_whose_record_was_never_written_counts(uri: str) -> None:
    store = Store(uri, _SHORT)
    made = make(store, "committed")
    path = f"{store.folder('data', made.key)}/record.json"
    # As after a kill between the end of the lease and the record.
    store.storage.remove([path])
    fresh = Store(uri, _SHORT)
    assert fresh.look("data", made.key) is None
    assert fresh.claim("data", made.key, other()) == made
    assert fresh.look("data", made.key) == (made, None)


def test_a_commit_that_one_read_spoils_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(str(tmp_path), _SHORT)
    made = make(store, "committed")
    store.storage.remove([f"{store.folder('data', made.key)}/record.json"])
    read, spoilt = LocalStorage.read, [b'"recipe": "test"', b'{"committed"', b"{"]

    def spoil(storage: LocalStorage, path: str, limit: int = JSON_LIMIT) -> bytes | None:
        data = read(storage, path, limit)
        return data.replace(spoilt.pop(), b"?") if data and path.endswith(".end") and spoilt else data

    monkeypatch.setattr(LocalStorage, "read", spoil)
    assert Store(str(tmp_path), _SHORT).claim("data", made.key, other()) == made
    assert spoilt == []


def test_a_commit_whose_files_are_gone_takes_nobodys_place(tmp_path: Path) -> None:
    store = Store(str(tmp_path), _SHORT)
    lease = store.claim("data", key_of(0), other())
    assert isinstance(lease, Lease)
    # By a machine that takes the storage for one without conditional writes.
    made = make(Store(str(tmp_path), _SHORT), "without a lease", leased=False)
    late = make_under(store, lease, "too late")
    assert late == made
    # Copied, the files are newer than their records, so the record is written again under a lease.
    for file in tmp_path.rglob("file.txt"):
        os.utime(file)
    for _ in range(2):
        assert Store(str(tmp_path), _SHORT).look("data", made.key) == (made, None)


def test_what_was_put_aside_does_not_come_back(uri: str) -> None:
    store = Store(uri, _SHORT)
    made = make(store, "damaged")
    lease = store.claim("data", made.key, other(), redo=True)
    assert isinstance(lease, Lease)
    store.set_aside("data", made.key, lease)
    lease.release()
    after = store.claim("data", made.key, other())
    assert isinstance(after, Lease)
    assert store.look("data", made.key) is None
    after.release()


_WRITER = """
import sys, time
from pathlib import Path
from artifact_making import *
from saga_core.artifacts.storage import Entry, Patience
from saga_core.errors import LeaseLostError, StoreError
import artifact_making
store = Store(sys.argv[1], Patience(seconds=20, lease=2.0))
upload = artifact_making.describe
def slow(folder):
    files = upload(folder)
    Path(sys.argv[2]).write_text("about to commit")
    while not Path(sys.argv[2] + ".go").exists():
        time.sleep(0.01)
    return files
artifact_making.describe = slow
try:
    print("committed", make(store, "by the paused one").attempt)
except LeaseLostError as error:
    print("refused", error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("where", ["local", "s3"])
def test_a_process_stopped_past_its_expiry_cannot_commit(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    bucket: Bucket = request.getfixturevalue("ceph_bucket")
    uri = f"{bucket.url}/store" if where == "s3" else str(tmp_path / "store")
    environment = {**os.environ, "PYTHONPATH": f"{_ROOT}:{_ROOT / 'tests'}"}
    flag = tmp_path / "flag"
    command = [sys.executable, "-c", _WRITER, uri, str(flag)]
    paused = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    while not flag.exists():
        assert paused.poll() is None
        time.sleep(0.02)
    os.kill(paused.pid, signal.SIGSTOP)
    store = Store(uri, _SHORT)
    # While it is silent for less than its lease, it is waited for.
    assert isinstance(store.claim("data", key_of(0), other()), Standing)
    made = make(store, "by the other")
    (tmp_path / "flag.go").touch()
    os.kill(paused.pid, signal.SIGCONT)
    out, _ = paused.communicate(timeout=60)
    assert out.startswith("refused")
    assert "another process has taken over" in out
    assert Store(uri).look("data", key_of(0)) == (made, None)
    # Of the refused one's files nothing is left.
    assert [e.path for e in store.storage.files("data") if e.path.endswith(".txt")] == [
        f"{store.folder('data', made.key)}/{made.attempt}/sub/file.txt"
    ]


def test_what_was_committed_is_not_removed_when_its_record_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path), _SHORT)

    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        # Ctrl-C in the moment between the end of the lease and the record.
        patch.setattr(store, "_put_record", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make(store, "committed")
    fresh = Store(str(tmp_path), _SHORT)
    assert isinstance(fresh.claim("data", key_of(0), other()), Record)
    found = fresh.look("data", key_of(0))
    assert found is not None
    assert found[1] is None
    assert (fresh.fetch(fresh.reference(found[0])) / "sub" / "file.txt").read_text() == "committed"


@pytest.mark.parametrize("end", [b"[" * 100_000, b"{" + b" " * (9 << 20) + b"}", b"[]", b'{"committed": 7}', b"\xff"])
def test_an_end_that_says_nothing_blocks_nobody(tmp_path: Path, end: bytes) -> None:
    store = Store(str(tmp_path / "store"), _SHORT)
    lease = store.claim("data", key_of(0), other())
    assert isinstance(lease, Lease)
    lease.release()
    (tmp_path / "store" / store.folder("data", key_of(0)) / "lease" / "00000001.end").write_bytes(end)
    made = make(Store(str(tmp_path / "store"), _SHORT))
    assert Store(str(tmp_path / "store")).look("data", made.key) == (made, None)


def test_what_is_no_lease_in_the_place_of_one_is_told(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"), _SHORT)
    place = tmp_path / "store" / store.folder("data", key_of(0)) / "lease" / "00000001.json"
    place.mkdir(parents=True)
    with pytest.raises(StoreError, match="no lease can be taken; remove what is in its place"):
        store.claim("data", key_of(0), other())


@pytest.mark.parametrize("change", [{"stage": "../../evil"}, {"stage": "dpo"}, {"key": "0" * 64}, {"attempt": None}])
def test_a_forged_commit_is_no_answer(tmp_path: Path, change: dict[str, object]) -> None:
    store = Store(str(tmp_path / "store"), _SHORT)
    made = make(store)
    folder = store.folder("data", made.key)
    store.storage.remove([f"{folder}/record.json"])
    end = tmp_path / "store" / folder / "lease" / "00000001.end"
    forged = {name: value for name, value in (made.model_dump(mode="json") | change).items() if value is not None}
    end.write_text(json.dumps({"committed": forged}))
    fresh = Store(str(tmp_path / "store"), _SHORT)
    lease = fresh.claim("data", made.key, other())
    assert isinstance(lease, Lease)
    lease.release()
    assert fresh.look("data", made.key) is None
    assert not list(tmp_path.rglob("record.json"))


def test_a_link_whose_answer_was_lost_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def link_twice(source: Path, target: Path) -> None:
        # As a network disk that sends the request again.
        link(source, target)
        link(source, target)

    storage = LocalStorage(str(tmp_path))
    monkeypatch.setattr("os.link", link_twice)
    assert storage.create("lease/1.end", b"mine")
    assert not storage.create("lease/1.end", b"another's")
    assert storage.read("lease/1.end") == b"mine"
