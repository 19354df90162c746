"""Real processes that race for one key: one record, no mixed files, and no reader sees a half artifact."""

import multiprocessing
import os
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from queue import Queue

import pytest
from artifact_making import key_of, make
from servers.fixtures import Bucket

from saga_core.artifacts.store import Store

_RACERS = 4
_SPAWN = multiprocessing.get_context("spawn")


def race(uri: str, number: int, races: int, start: Barrier, results: "Queue[tuple[int, list[str]]]") -> None:
    """Make every artifact together with the others; every second one without a lease, so that the commits meet."""
    store = Store(uri)
    assert store.capabilities.conditional_writes
    attempts = []
    for seed in range(races):
        start.wait(timeout=120)
        attempts.append(make(store, f"made by {number}", seed=seed, leased=seed % 2 == 0).attempt)
    results.put((number, attempts))


def read(uri: str, races: int, done: Event, results: "Queue[tuple[int, list[str]]]") -> None:
    """Look at every artifact over and over: whatever has a record must be whole."""
    seen, complaints = 0, []
    # A cache of its own would hide what the store holds.
    store = Store(uri)
    while not done.is_set():
        for seed in range(races):
            found = store.look("data", key_of(seed))
            if found is None:
                continue
            seen += 1
            record, damage = found
            if damage:
                complaints.append(damage)
            store.fetch(store.reference(record))
    results.put((-seen, complaints))


def run_races(uri: str, races: int) -> None:
    start, done = _SPAWN.Barrier(_RACERS), _SPAWN.Event()
    results: Queue[tuple[int, list[str]]] = _SPAWN.Queue()
    racers = [_SPAWN.Process(target=race, args=(uri, i, races, start, results)) for i in range(_RACERS)]
    reader = _SPAWN.Process(target=read, args=(uri, races, done, results))
    for process in (*racers, reader):
        process.start()
    answers = [results.get(timeout=500) for _ in racers]
    done.set()
    looked, complaints = results.get(timeout=60)
    for process in (*racers, reader):
        process.join(timeout=30)
        assert process.exitcode == 0
    assert complaints == []
    assert looked < 0
    store = Store(uri)
    files = store.storage.files("data")
    winners = set()
    for seed in range(races):
        record = store.find("data", key_of(seed))
        assert record is not None
        # All use the winner's, and of the losers' files nothing is left.
        assert {attempts[seed] for _, attempts in answers} == {record.attempt}
        folder = store.folder("data", record.key)
        payload = [f.path for f in files if f.path.startswith(f"{folder}/") and f.path.endswith(".txt")]
        assert payload == [f"{folder}/{record.attempt}/sub/file.txt"]
        text = (store.fetch(store.reference(record)) / "sub" / "file.txt").read_text()
        winners.add(text)
    print(f"\n{races} races of {_RACERS} processes at {uri.split(':')[0]}: one record each, winners {len(winners)}")
    # Not one that is always first: they did race.
    assert len(winners) > 1


def test_racing_processes_on_a_disk(tmp_path: Path) -> None:
    run_races(str(tmp_path), 60)


@pytest.mark.slow
def test_racing_processes_on_a_real_s3_server(
    ceph_bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert os.environ["AWS_ENDPOINT_URL"] == ceph_bucket.server.endpoint
    run_races(f"{ceph_bucket.url}/races", 200)
