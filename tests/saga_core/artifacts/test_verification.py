"""Whatever is damaged is named, nothing else is, and nothing large is read into memory."""

import hashlib
import json
import os
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from artifact_graphs import chain, listing, put, record_file, write_run
from pydantic import ValidationError
from servers.faults import Fault
from servers.fixtures import Bucket, Proxied

from saga_core.artifacts.fingerprint import digest
from saga_core.artifacts.holder import Holder
from saga_core.artifacts.lease import Lease
from saga_core.artifacts.record import Record
from saga_core.artifacts.storage import Patience
from saga_core.artifacts.store import Store
from saga_core.artifacts.verification import Finding, put_aside, survey, verify
from saga_core.errors import DamagedArtifactError, StoreError, UserError

Damage = Callable[[Store, Record], Path]


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store") if request.param == "local" else f"memory://{tmp_path.name}")


@pytest.fixture
def disk(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def findings(store: Store, stages: Sequence[str] = ()) -> list[Finding]:
    return list(verify(store, survey(store, stages)))


def attempt_folder(store: Store, record: Record) -> Path:
    return Path(store.reference(record).uri)


def keep_piece(store: Store, record: Record, folder: Path, name: str = "piece") -> None:
    folder.mkdir()
    (folder / "rows.json").write_text("[1, 2, 3]")
    store.partial(record.stage, record.key, None).keep(name, folder)


def forge(store: Store, record: Record, **changes: object) -> Path:
    """Write a record that says something else, with a seal if there can be one."""
    path = record_file(store, record)
    forged = json.loads(path.read_text()) | changes
    with suppress(ValidationError):
        forged["seal"] = Record.model_validate(forged).sealed().seal
    path.write_text(json.dumps(forged))
    return path


def forge_file(store: Store, record: Record, **changes: object) -> Path:
    """Write a record whose one file is said to be another, its digests being right."""
    file = json.loads(record_file(store, record).read_text())["files"][0] | changes
    return forge(store, record, files=[file], digest=digest({file["path"]: file["sha256"]}))


def swap_content(store: Store, record: Record, name: str, content: bytes) -> Path:
    """Let a record name a file of that name and content, with its true digest and size."""
    (attempt_folder(store, record) / "value.json").unlink()
    file = attempt_folder(store, record) / name
    file.write_bytes(content)
    forge_file(store, record, path=name, sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    return file


def truncate(path: Path, size: int) -> Path:
    with path.open("r+b") as file:
        file.truncate(size)
    return path


def _missing(store: Store, record: Record) -> Path:
    file = attempt_folder(store, record) / "value.json"
    file.unlink()
    return file


def _other_byte(store: Store, record: Record) -> Path:
    file = attempt_folder(store, record) / "value.json"
    content, status = file.read_bytes(), file.stat()
    file.write_bytes(content[:-2] + b'x"')
    # As a disk spoils it: the time tells nothing.
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    return file


def _longer(store: Store, record: Record) -> Path:
    return truncate(attempt_folder(store, record) / "value.json", 100_000)


def _huge(store: Store, record: Record) -> Path:
    return truncate(attempt_folder(store, record) / "value.json", 2 << 30)


def _one_more(store: Store, record: Record) -> Path:
    file = attempt_folder(store, record) / "more.json"
    file.write_text("1")
    return file


def _link(store: Store, record: Record) -> Path:
    file = attempt_folder(store, record) / "value.json"
    file.rename(file.with_name("moved"))
    target = store.storage.local("") / "outside.json"  # type: ignore[operator]
    file.with_name("moved").rename(target)
    file.symlink_to(target)
    return file


def _linked_folder(store: Store, record: Record) -> Path:
    folder = attempt_folder(store, record)
    target = store.storage.local("") / "outside"  # type: ignore[operator]
    folder.rename(target)
    folder.symlink_to(target, target_is_directory=True)
    return folder


def _half_record(store: Store, record: Record) -> Path:
    path = record_file(store, record)
    return truncate(path, path.stat().st_size // 2)


def _huge_record(store: Store, record: Record) -> Path:
    return truncate(record_file(store, record), 2 << 30)


def _linked_record(store: Store, record: Record) -> Path:
    path = record_file(store, record)
    target = store.storage.local("") / "outside.json"  # type: ignore[operator]
    path.rename(target)
    path.symlink_to(target)
    return path


def _pipe(store: Store, record: Record) -> Path:
    path = record_file(store, record)
    path.unlink()
    os.mkfifo(path)
    return path


def _other_headline(store: Store, record: Record) -> Path:
    path = record_file(store, record)
    path.write_text(path.read_text().replace('"n": 1', '"n": 7'))
    return path


def _record_of_another(store: Store, record: Record) -> Path:
    other = put(store, record.stage, seed=99)
    path = record_file(store, record)
    path.write_bytes(record_file(store, other).read_bytes())
    return path


DAMAGE: dict[str, tuple[Damage, str]] = {
    "missing file": (_missing, "missing"),
    "other byte": (_other_byte, "differs from its record"),
    "longer file": (_longer, "100,000 bytes, not"),
    "2 GB where a small file belongs": (_huge, "2,147,483,648 bytes, not"),
    "file that is not in the record": (_one_more, "not in its record"),
    "link in a file's place": (_link, "symbolic link"),
    "link in the attempt's place": (_linked_folder, "symbolic link"),
    "half a record": (_half_record, "not a record"),
    "record of 2 GB": (_huge_record, "more than 8 MB"),
    "link in the record's place": (_linked_record, "symbolic link"),
    "pipe in the record's place": (_pipe, "not a file"),
    "record with another headline": (_other_headline, "not as it was written"),
    "record of another key": (_record_of_another, "claims another key"),
    "record of another stage": (lambda s, r: forge(s, r, stage="other"), "claims another key"),
    "record with a path upwards": (lambda s, r: forge_file(s, r, path="../up.json"), "leaves the artifact"),
    "record with an absolute path": (lambda s, r: forge_file(s, r, path="/etc/passwd"), "leaves the artifact"),
    "record with an attempt elsewhere": (lambda s, r: forge(s, r, attempt="../../x"), "not a record"),
    "record with other inputs": (lambda s, r: forge(s, r, inputs={}), "inputs are not those of its key"),
    "record with a number that is none": (lambda s, r: forge(s, r, payload={"n": float("nan")}), "not a record"),
    "record of a JSON file of 2 GB": (lambda s, r: forge_file(s, r, size=2 << 30), "JSON file of"),
    "pickle called JSON": (lambda s, r: swap_content(s, r, "value.json", b"\x80\x04\x95K\x01."), "no json"),
    "pickle called safetensors": (
        lambda s, r: swap_content(s, r, "model.safetensors", b"\x80\x04\x95" + b"x" * 40),
        "no safetensors",
    ),
}

SHOWS_INSIDE = ("other byte", "pickle called JSON", "pickle called safetensors")


def test_of_what_is_whole_everything_is_hashed_and_nothing_found(store: Store, tmp_path: Path) -> None:
    made = chain(store, "data", "sft", "dpo")
    keep_piece(store, made[2], tmp_path / "piece")
    write_run(store, "demo-0123456789", made)
    surveyed = survey(store)
    assert list(verify(store, surveyed)) == []
    assert (surveyed.artifacts, surveyed.pieces, len(surveyed.checks)) == (3, 1, 4)
    assert surveyed.bytes == sum(file.size for record in made for file in record.files) + 9
    assert surveyed.orphans == []


@pytest.mark.parametrize("name", DAMAGE)
def test_each_damage_is_named_and_refused_and_costs_no_memory(disk: Store, name: str) -> None:
    damage, what = DAMAGE[name]
    _, record, after = chain(disk, "data", "sft", "dpo")
    file = damage(disk, record)
    tracemalloc.start()
    found = findings(disk)
    # What a run does when it looks for the artifact, and when it takes it.
    refused = []
    for use in (lambda: fresh(disk).look("sft", record.key), lambda: fresh(disk).fetch(disk.reference(record))):
        try:
            looked = use()
            refused.append(isinstance(looked, tuple) and looked[1] is not None)
        except DamagedArtifactError:
            refused.append(True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert any(f.file == str(file) and what in f.what for f in found), found
    # What shows in no listing is refused when it is taken; a file too many is harmless to who takes the others.
    assert refused == [name not in SHOWS_INSIDE, name != "file that is not in the record"]
    assert peak < 64 << 20
    assert {finding.address.key for finding in found if finding.address} == {record.key[:32]}
    assert fresh(disk).look("dpo", after.key) == (after, None)


def fresh(store: Store) -> Store:
    """Return the store as another process opens it, that has read nothing yet."""
    return Store(store.uri)


def test_every_damaged_file_is_named_and_not_the_first_alone(disk: Store) -> None:
    record = put(disk, "data", files={"a.json": b"1", "b.json": b"2", "sub/c.json": b"3"})
    folder = attempt_folder(disk, record)
    (folder / "a.json").unlink()
    (folder / "b.json").write_text("4")
    (folder / "sub" / "c.json").write_text("55")
    assert [Path(finding.file).name for finding in sorted(findings(disk))] == ["a.json", "b.json", "c.json"]


def test_pieces_reports_and_champions_are_looked_at_too(disk: Store, tmp_path: Path) -> None:
    record = put(disk, "data")
    for name in ("half", "spoilt", "whole"):
        keep_piece(disk, record, tmp_path / name, name)
    root = Path(disk.uri)
    partial = root / disk.folder("data", record.key) / "partial"
    truncate(partial / "half.json", 20)
    spoilt = next((partial / "spoilt").rglob("rows.json"))
    spoilt.write_text("[1, 2, 4]")
    for path in ("runs/demo-0123456789/1.json", "champions/nb/00000001.json"):
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text('{"half": ')
    assert [(Path(f.file).relative_to(root).as_posix().rpartition("partial/")[2], f.piece) for f in findings(disk)] == [
        ("half.json", "half"),
        ("runs/demo-0123456789/1.json", None),
        ("champions/nb/00000001.json", None),
        (spoilt.relative_to(partial).as_posix(), "spoilt"),
    ]
    # What belongs to no stage is looked at when all is.
    assert {finding.piece for finding in findings(disk, ["data"])} == {"half", "spoilt"}


def test_stages_can_be_named(disk: Store) -> None:
    first, second = chain(disk, "data", "sft")
    _missing(disk, first)
    _missing(disk, second)
    assert [finding.address.stage for finding in findings(disk, ["sft"]) if finding.address] == ["sft"]


def test_what_a_dead_writer_left_is_no_damage(store: Store) -> None:
    record = put(store, "data")
    store.storage.write(f"{store.folder('data', record.key)}/{'0' * 16}/half.json", b"half")
    store.storage.write(f"data/{'1' * 32}/{'2' * 16}/half.json", b"half")
    surveyed = survey(store)
    assert list(verify(store, surveyed)) == []
    assert len(surveyed.orphans) == 2


def test_what_goes_while_it_is_looked_at_is_no_damage(store: Store) -> None:
    kept, removed, replaced = put(store, "data"), put(store, "data", seed=1), put(store, "data", seed=2)
    surveyed = survey(store)
    store.storage.remove([path for path in listing(store) if removed.key[:32] in path])
    old = [path for path in listing(store) if replaced.attempt in path]
    put(store, "data", seed=2, replace=True)
    store.storage.remove(old)
    assert list(verify(store, surveyed)) == []
    assert store.look("data", kept.key) == (kept, None)


def test_what_is_mended_while_it_is_looked_at_is_no_damage(disk: Store) -> None:
    record = put(disk, "data")
    file = _missing(disk, record)
    surveyed = survey(disk)
    assert len(surveyed.findings) == 1
    file.write_text(f'"data {record.key}"')
    assert list(verify(disk, surveyed)) == []


def test_a_store_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no store is here"):
        survey(Store(str(tmp_path / "misspelt")))
    assert not (tmp_path / "misspelt").exists()


def test_what_is_damaged_can_be_put_aside_and_made_again(disk: Store, tmp_path: Path) -> None:
    whole, damaged, unreadable = (put(disk, "data", seed=seed, leased=True) for seed in range(3))
    keep_piece(disk, whole, tmp_path / "piece")
    _other_byte(disk, damaged)
    _huge_record(disk, unreadable)
    next(Path(disk.uri).rglob("rows.json")).unlink()
    done = dict(put_aside(disk, findings(disk)))
    assert {str(address): what.split(".json")[0] for address, what in done.items()} == {
        disk.folder("data", whole.key): "dropped the piece piece",
        disk.folder("data", damaged.key): "record kept as record",
        disk.folder("data", unreadable.key): "record kept as record",
    }
    assert findings(disk) == []
    assert disk.look("data", whole.key) == (whole, None)
    for seed, record in ((1, damaged), (2, unreadable)):
        assert fresh(disk).look("data", record.key) is None
        # Not even a lease that ended with the damaged record brings it back.
        assert put(disk, "data", seed=seed, leased=True).attempt != record.attempt
    assert findings(disk) == []


def test_a_commit_without_its_record_is_finished_before_its_damaged_piece_goes(disk: Store, tmp_path: Path) -> None:
    (tmp_path / "piece").mkdir()
    (tmp_path / "piece" / "rows.json").write_text("[1]")
    record = put(disk, "data", leased=True)
    disk.partial("data", record.key, None).keep("rows", tmp_path / "piece")
    # As after a kill between the end of the lease and the record.
    disk.storage.remove([f"{disk.folder('data', record.key)}/record.json"])
    next(Path(disk.uri).rglob("rows.json")).write_text("[2]")
    for what in ("its record was not written yet, and is in place now", "dropped the piece rows"):
        found = list(verify(disk, survey(disk)))
        assert len(found) == 1
        assert [done for _, done in put_aside(disk, found)] == [what]
        assert Store(disk.uri).look("data", record.key) == (record, None)
    assert list(verify(disk, survey(disk))) == []


@pytest.mark.parametrize("linked", ["notes.txt", "0123456789abcdef", "lease"])
def test_a_link_beside_a_sound_artifact_is_named_and_costs_it_nothing(disk: Store, linked: str) -> None:
    record, spoilt = put(disk, "data"), put(disk, "sft")
    link = record_file(disk, record).parent / linked
    link.symlink_to("/etc")
    record_file(disk, spoilt).write_text("{")
    found = list(verify(disk, survey(disk)))
    assert Finding(str(link), "a symbolic link is not followed; remove it") in found
    assert [str(address) for address, _ in put_aside(disk, found)] == [disk.folder("sft", spoilt.key)]
    assert fresh(disk).look("data", record.key) == (record, None)
    assert [finding.file for finding in verify(disk, survey(disk))] == [str(link)]


def test_what_somebody_is_making_is_left_alone(disk: Store) -> None:
    record = put(disk, "data", leased=True)
    _missing(disk, record)
    found = findings(disk)
    lease = disk.claim("data", record.key, Holder.this("other", ()), redo=True)
    assert isinstance(lease, Lease)
    ((_, what),) = put_aside(disk, found)
    assert what.startswith("left as it is: being made by process")
    lease.release()
    assert fresh(disk).look("data", record.key) is not None


def test_what_was_mended_meanwhile_is_left_alone(disk: Store) -> None:
    record = put(disk, "data")
    file = _missing(disk, record)
    found = findings(disk)
    file.write_text(f'"data {record.key}"')
    assert [what for _, what in put_aside(disk, found)] == ["left as it is: mended meanwhile"]
    assert disk.look("data", record.key) == (record, None)


def test_over_the_network_each_file_is_hashed_and_none_is_left_here(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    store = Store(f"{bucket.url}/prefix")
    first, second = chain(store, "data", "sft")
    assert findings(store) == []
    path = f"{store.folder('data', first.key)}/{first.attempt}/value.json"
    spoilt = b"x" * first.files[0].size
    store.storage.write(path, spoilt)
    assert [(f.file, f.what) for f in findings(store)] == [(f"{store.uri}/{path}", "the file differs from its record")]
    assert list(tmp_path.iterdir()) == []
    assert [what.split(".json")[0] for _, what in put_aside(store, findings(store))] == ["record kept as record"]
    assert findings(store) == []
    assert store.look("sft", second.key) == (second, None)


def test_an_outage_is_an_error_and_no_damage(bucket: Bucket, proxied: Proxied) -> None:
    made = Store(bucket.url)
    chain(made, "data", "sft")
    proxied(bucket, Fault("500", where=lambda exchange: exchange.path.endswith("value.json")))
    store = Store(bucket.url, Patience(seconds=1, first=1))
    surveyed = survey(store)
    found: list[Finding] = []
    with pytest.raises(StoreError) as raised:
        found.extend(verify(store, surveyed))
    assert not isinstance(raised.value, DamagedArtifactError)
    assert found == []


def test_a_connection_that_spoils_what_is_stored_whole_is_no_damage(bucket: Bucket, proxied: Proxied) -> None:
    chain(Store(bucket.url), "data", "sft")
    proxied(bucket, Fault("corrupt", where=lambda exchange: exchange.path.endswith("value.json"), times=2))
    assert findings(Store(bucket.url)) == []
