"""What a user may call an artifact."""

from pathlib import Path

import pytest
from artifact_graphs import chain, put, record_file, write_run

from saga_core.artifacts.naming import find_artifact
from saga_core.artifacts.record import Record
from saga_core.artifacts.store import Store
from saga_core.errors import DamagedArtifactError, UserError


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store") if request.param == "local" else f"memory://{tmp_path.name}")


@pytest.fixture
def record(store: Store) -> Record:
    data, sft = chain(store, "data", "sft")
    write_run(store, "demo-0123456789", [data, sft], days=1)
    # A later run that came to less.
    write_run(store, "demo-9876543210", [data])
    return sft


@pytest.mark.parametrize("length", [8, 20, 32, 40, 64])
def test_a_stage_and_the_beginning_of_a_key(store: Store, record: Record, length: int) -> None:
    assert find_artifact(store, f"sft/{record.key[:length]}") == record


@pytest.mark.parametrize("run", ["demo", "demo-0123456789"])
def test_a_run_or_a_recipe_and_a_stage(store: Store, record: Record, run: str) -> None:
    assert find_artifact(store, f"{run}/sft") == record


@pytest.mark.parametrize("below", ["", "/", "/record.json", "/{attempt}", "/{attempt}/value.json"])
def test_the_full_path_of_its_folder_or_of_something_in_it(store: Store, record: Record, below: str) -> None:
    name = f"{store.uri}/{store.folder('sft', record.key)}{below.format(attempt=record.attempt)}"
    assert find_artifact(store, name) == record


def test_a_path_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(str(tmp_path / "store"))
    record = put(store, "data")
    monkeypatch.chdir(tmp_path)
    assert find_artifact(store, f"store/data/{record.key[:32]}") == record


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sft/00000000", "no such artifact"),
        ("nothing/00000000", "no such artifact"),
        ("sft/123", "no run has such an artifact"),
        ("demo/dpo", "no run has such an artifact"),
        ("../../etc/00000000", "no run has such an artifact"),
        ("/etc/passwd", "not in this store"),
        ("{uri}/runs/demo", "no artifact's path"),
        ("{uri}/sft/{key}/0123456789abcdef", "not part of the artifact"),
        ("dpo/{other}", "1 piece of it"),
    ],
)
def test_what_names_nothing_is_a_mistake(store: Store, record: Record, tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "piece").mkdir()
    (tmp_path / "piece" / "rows.json").write_text("[1]")
    store.partial("dpo", "d" * 64, None).keep("rows", tmp_path / "piece")
    with pytest.raises(UserError, match=message):
        find_artifact(store, name.format(uri=store.uri, key=record.key[:32], other="d" * 8))


def test_two_of_the_same_beginning_are_a_mistake(store: Store, record: Record) -> None:
    path = f"sft/{record.key[:8]}{'0' * 24}/record.json"
    store.storage.write(path, b"{}")
    with pytest.raises(UserError, match="more than one artifact"):
        find_artifact(store, f"sft/{record.key[:8]}")


def test_a_damaged_record_is_said_and_one_put_aside_can_be_looked_at(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    record = put(store, "data")
    aside = store.set_aside("data", record.key, None)
    assert find_artifact(store, aside) == record
    record_file(store, record).write_text("{")
    with pytest.raises(DamagedArtifactError):
        find_artifact(store, f"data/{record.key[:8]}")
