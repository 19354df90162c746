import json
import os
import subprocess
from pathlib import Path

import pytest
from artifact_graphs import write_run
from artifact_making import claim, make

from saga_core.artifacts.lease import Lease
from saga_core.artifacts.record import FileEntry
from saga_core.artifacts.store import Store
from saga_core.errors import DamagedArtifactError, StageError, UserError


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store") if request.param == "local" else f"memory://{tmp_path.name}")


def test_what_is_committed_is_found_and_fetched(store: Store) -> None:
    record = make(store)
    assert store.find("data", record.key) == record
    assert store.look("data", record.key) == (record, None)
    assert (store.fetch(store.reference(record)) / "sub" / "file.txt").read_text() == "text"
    assert store.records("data") == [record]


def test_nothing_is_found_where_nothing_is(store: Store) -> None:
    assert store.find("data", "0" * 64) is None
    assert store.records("data") == []
    assert list(store.runs.newest()) == []


def test_the_first_record_wins(store: Store) -> None:
    first = make(store, "first")
    second = make(store, "second")
    assert second == first
    assert (store.fetch(store.reference(second)) / "sub" / "file.txt").read_text() == "first"


def test_a_refresh_replaces_the_record(store: Store) -> None:
    make(store, "first")
    second = make(store, "second", replace=True)
    assert (store.fetch(store.reference(second)) / "sub" / "file.txt").read_text() == "second"


def test_a_reference_to_another_result_is_refused(store: Store) -> None:
    first = make(store, "first")
    reference = store.reference(first)
    make(store, "second", replace=True)
    with pytest.raises(DamagedArtifactError, match="came out otherwise"):
        store.fetch(reference)


def test_a_failed_attempt_leaves_nothing_that_counts(tmp_path: Path) -> None:
    store = Store(str(tmp_path))

    def fail() -> None:
        with store.attempt("data", "1" * 64) as (_, folder):
            (folder / "half").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert store.find("data", "1" * 64) is None
    assert not list(tmp_path.rglob("half"))


def test_damage_is_seen(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    record = make(store)

    def damage() -> str | None:
        found = store.look("data", record.key)
        assert found is not None
        return found[1]

    file = next(tmp_path.rglob("file.txt"))
    file.write_text("tent")
    with pytest.raises(DamagedArtifactError, match=r"file\.txt: the file differs from its record"):
        store.fetch(store.reference(record))
    # Of the same size, but written after its record.
    assert "differs" in (damage() or "")
    file.write_text("longer than before")
    assert "bytes" in (damage() or "")
    file.unlink()
    assert "missing" in (damage() or "")
    store.set_aside("data", record.key, None)
    assert store.find("data", record.key) is None


def test_a_record_of_another_key_is_refused(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    one, two = make(store, seed=1), make(store, seed=2)
    paths = {record.key: next(tmp_path.glob(f"data/{record.key[:32]}/record.json")) for record in (one, two)}
    paths[one.key].write_bytes(paths[two.key].read_bytes())
    with pytest.raises(DamagedArtifactError, match="claims another key"):
        store.look("data", one.key)


@pytest.mark.parametrize("path", ["../up", "/etc/passwd", "a/../../b", "", "a\\b"])
def test_a_file_outside_the_artifact_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="leaves"):
        FileEntry(path=path, sha256="0" * 64, size=1)


def test_half_a_record_is_damage_and_not_a_traceback(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    record = make(store)
    path = next(tmp_path.glob("data/*/record.json"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DamagedArtifactError, match="not a record"):
        store.look("data", record.key)


def test_an_unknown_protocol_is_the_users_mistake() -> None:
    with pytest.raises(UserError):
        Store("nosuch://bucket")


def test_a_store_where_nothing_can_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="file is no folder"):
        make(Store(str(tmp_path / "file" / "store")))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("this machine allows no mounts")
    try:
        store = Store(str(disk))
        before = make(store)
        (disk / "filler").write_bytes(b"0" * (os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
        with pytest.raises((StageError, OSError), match=r"disk is full|No space left"):
            make(store, "x" * 100_000, seed=1)
        assert store.find("data", before.key) == before
        (disk / "filler").unlink()
        assert make(store, "y", seed=1).headline == {"n": 1}
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_recipe_whose_name_looks_like_a_runs_is_found(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    write_run(store, "exp-2026112419-0123456789", [], recipe="exp-2026112419")
    for name in ("exp-2026112419", "exp-2026112419-0123456789", None):
        assert [run["recipe"] for run in store.runs.newest(name)] == ["exp-2026112419"]
    assert list(store.runs.newest("exp-2026112420")) == []


def test_a_report_that_is_half_hides_no_other(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    row = {"stage": "data", "key": "0" * 64, "digest": "1" * 64, "uri": "here", "why": "made", "kept": None}
    row |= {"state": "computed", "seconds": 1.5}
    estimate = {"value": 0.5, "low": 0.25, "high": 0.75, "n": 4}
    whole: dict[str, object] = {"run": "a", "recipe": "a", "store": "here", "time": "2026-11-24T01:02:03+00:00"}
    whole |= {"stages": [row], "metrics": {"base": {"ppl": estimate}, "final": {}}, "adapter": None, "card": None}
    store.runs.write("a", "1", whole)
    written = (tmp_path / "runs" / "a" / "1.json").read_text()
    harm = {
        "half": written[:-30],
        "list": "[]",
        "deep": "[" * 100_000,
        "stages": written.replace(json.dumps([row], sort_keys=True, separators=(",", ":")), "1"),
        "row": written.replace('"stage":"data",', ""),
        "seconds": written.replace("1.5", '"x"'),
        "time": written.replace('"2026-11-24T01:02:03+00:00"', "5"),
        "no time": written.replace("2026-11-24T01:02:03+00:00", "yesterday"),
        "key": written.replace("0" * 64, "../.."),
        "metrics": written.replace('"final":{}', '"final":[]'),
        "escape": written.replace('"run":"a"', '"run":"\\u001b[31m"'),
        "surrogate": written.replace('"run":"a"', '"run":"\\ud800"'),
        "more": written.replace('"run":"a"', '"run":"a","code":"x"'),
    }
    for name, text in harm.items():
        assert text != written, name
        (tmp_path / "runs" / "a" / f"2-{name}.json").write_text(text)
    assert list(store.runs.newest()) == [whole]


def test_a_link_in_the_records_place_is_refused_and_put_aside(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    record = make(store)
    path = next(tmp_path.glob("data/*/record.json"))
    path.unlink()
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(DamagedArtifactError, match="symbolic link"):
        store.look("data", record.key)
    lease = claim(store, redo=True)
    assert isinstance(lease, Lease)
    store.set_aside("data", record.key, lease)
    lease.release()
    assert make(store).attempt != record.attempt
    assert store.find("data", record.key) is not None


@pytest.mark.parametrize("uri", ["", "  "])
def test_no_store_is_the_users_mistake(uri: str) -> None:
    with pytest.raises(UserError, match="no store is named"):
        Store(uri)
