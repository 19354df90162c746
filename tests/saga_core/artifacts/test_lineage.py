"""What made an artifact, from what, what came of it, and how much room it takes."""

from pathlib import Path

import pytest
from artifact_graphs import put, record_file

from saga_core.artifacts.lineage import Node, referring, size_of, sizes_of_run, trace
from saga_core.artifacts.record import Record
from saga_core.artifacts.store import Store


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store") if request.param == "local" else f"memory://{tmp_path.name}")


def outline(node: Node) -> object:
    return (node.name, node.repeated, [outline(inner) for inner in node.inputs])


def test_it_goes_down_to_the_beginning_and_tells_nothing_twice(store: Store) -> None:
    data = put(store, "data")
    sft = put(store, "sft", data)
    dpo = put(store, "dpo", data, sft)
    lineage = trace(store, dpo)
    assert outline(lineage) == (
        "dpo",
        False,
        [("data", False, []), ("sft", False, [("data", True, [])])],
    )
    assert [node.record for node in lineage.all()] == [dpo, data, sft]
    assert sum(size_of(node.record) for node in lineage.all() if node.record) == sum(map(size_of, (data, sft, dpo)))
    assert all(node.note is None for node in lineage.all())


def test_it_says_what_is_gone_damaged_or_made_again(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    gone, damaged, again = (put(store, stage) for stage in ("data", "probe", "sft"))
    dpo = put(store, "dpo", gone, damaged, again)
    record_file(store, gone).unlink()
    record_file(store, damaged).write_text("{")
    put(store, "sft", files={"value.json": b"2"}, replace=True)
    notes = {node.name: node.note for node in trace(Store(store.uri), dpo).all()}
    assert notes.pop("probe", "").startswith("its record is damaged: not a record")  # type: ignore[union-attr]
    assert notes == {"dpo": None, "data": "no longer in the store", "sft": "made again since, with another result"}


def test_what_was_made_from_it_is_found_oldest_first(store: Store) -> None:
    data = put(store, "data")
    users = [put(store, "sft", data, days=days) for days in (3,)] + [put(store, "dpo", data, days=5)]
    put(store, "evaluate", users[0])
    assert [record.stage for record in referring(store, data)] == ["dpo", "sft"]
    assert referring(store, users[1]) == []


def test_the_sizes_of_a_run_are_those_of_its_files(store: Store) -> None:
    data = put(store, "data", files={"a.json": b"1234", "b/c.json": b"56"})
    gone = put(store, "sft", data)

    def row(stage: str, record: Record | None) -> dict[str, str | None]:
        return {"stage": stage, "key": record.key if record else None}

    report = {"stages": [row("data", data), row("sft", gone), row("dpo", None)]}
    store.storage.remove([f"{store.folder('sft', gone.key)}/record.json"])
    assert sizes_of_run(Store(store.uri), report) == {"data": 6}
