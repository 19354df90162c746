"""In what artifacts differ, and why their inputs do."""

from pathlib import Path

import pytest
from artifact_graphs import put
from hypothesis import given
from hypothesis import strategies as st

from saga_core.artifacts.difference import Change, Difference, compare, compare_runs, explain_difference
from saga_core.artifacts.fingerprint import digest
from saga_core.artifacts.record import Record
from saga_core.artifacts.store import Store
from saga_core.errors import UserError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"memory://{tmp_path.name}")


def names(difference: Difference) -> list[str]:
    return [change.name for change in difference.fields]


def run(**records: Record | None) -> dict[str, object]:
    return {
        "stages": [
            {"stage": stage, "key": record and record.key, "digest": record and record.digest}
            | {"state": "computed" if record else "skipped", "why": "the gate is shut"}
            for stage, record in records.items()
        ]
    }


def test_an_artifact_does_not_differ_from_itself(store: Store) -> None:
    data = put(store, "data")
    found = compare(store, data, data)
    assert (found.fields, found.inputs, found.versions, found.same_key, found.same_result) == ((), (), (), True, True)


def test_fields_outside_inputs_and_versions_are_told_apart(store: Store) -> None:
    old = put(store, "data", settings={"a": {"b": 1}, "c": [1, 2]}, outside={"model": {"sha256": "0"}})
    new = put(
        store,
        "data",
        settings={"a": {"b": 2}, "c": [1, 3]},
        outside={"model": {"sha256": "1"}},
        version=2,
        packages={"torch": "9.9", "new": "1"},
    )
    found = compare(store, old, new)
    assert found.fields == (
        Change("outside.model.sha256", "0", "1"),
        Change("settings.a.b", 1, 2),
        Change("settings.c", [1, 2], [1, 3]),
        Change("version", 1, 2),
    )
    assert [(change.name, change.new) for change in found.versions] == [
        ("packages.new", "1"),
        ("packages.torch", "9.9"),
    ]
    assert not found.same_key


def test_of_an_input_that_changed_the_first_cause_is_told_and_told_once(store: Store) -> None:
    data = [put(store, "data", seed=seed) for seed in (1, 2)]
    sft = [put(store, "sft", one) for one in data]
    dpo = [put(store, "dpo", data[i], sft[i]) for i in range(2)]
    found = compare(store, *dpo)
    assert found.fields == ()
    assert [(given.name, given.note) for given in found.inputs] == [("data", None), ("sft", None)]
    first, second = (given.cause for given in found.inputs)
    assert first is not None
    assert second is not None
    assert first.fields == (Change("settings.seed", 1, 2),)
    assert [(given.name, given.note, given.cause) for given in second.inputs] == [("data", "told above", None)]


def test_an_input_with_the_same_content_is_no_difference(store: Store) -> None:
    data = [put(store, "data", seed=seed, files={"value.json": b"1"}) for seed in (1, 2)]
    sft = [put(store, "sft", one) for one in data]
    assert sft[0].key == sft[1].key
    assert compare(store, *data).same_result


def test_an_input_that_one_has_alone_or_that_is_gone_is_said(store: Store) -> None:
    data = [put(store, "data", seed=seed) for seed in (1, 2)]
    old, new = put(store, "dpo", data[0], put(store, "sft")), put(store, "dpo", data[1])
    store.storage.remove([f"{store.folder('data', data[0].key)}/record.json"])
    found = compare(Store(store.uri), old, new)
    assert [(given.name, given.note) for given in found.inputs] == [
        ("data", f"why cannot be told: {data[0].key[:8]} no longer in the store"),
        ("sft", "only the first has it"),
    ]


def test_an_input_that_was_made_again_is_said(store: Store) -> None:
    before = put(store, "data")
    old = put(store, "sft", before)
    again = put(store, "data", files={"value.json": b"2"}, replace=True, packages={"torch": "9.9"})
    new = put(store, "sft", again)
    (given,) = compare(store, old, new).inputs
    assert given.note == "made again in between: the same key, another result"
    # The first record is no longer there to compare; who still has it is told what differs.
    found = compare(store, before, again)
    assert (found.same_key, found.same_result) == (True, False)
    assert [change.name for change in found.versions] == ["packages.torch"]


def test_different_stages_are_a_mistake(store: Store) -> None:
    with pytest.raises(UserError, match="data and sft are different stages"):
        compare(store, put(store, "data"), put(store, "sft"))


def test_runs_are_compared_stage_by_stage(store: Store) -> None:
    data = [put(store, "data", seed=seed) for seed in (1, 2)]
    probe = put(store, "probe")
    sft = [put(store, "sft", one) for one in data]
    found = compare_runs(
        store,
        run(data=data[0], probe=probe, sft=sft[0], gate=None, dpo=None),
        run(data=data[1], probe=probe, sft=sft[1], gate=None, dpo=put(store, "dpo"), last=None),
    )
    assert found["probe"] is None
    assert found["gate"] is None
    assert isinstance(found["data"], Difference)
    assert names(found["data"]) == ["settings.seed"]
    assert isinstance(found["sft"], Difference)
    assert [given.note for given in found["sft"].inputs] == ["told above"]
    assert str(found["dpo"]).startswith("the first skipped it (the gate is shut), the second has ")
    assert found["last"] == "the first did not come to it, the second skipped it (the gate is shut)"


def test_a_plans_line_names_fields_and_what_changed(store: Store) -> None:
    old = put(store, "data", settings={"a": 1, "gone": True}, outside={"model": {"sha256": "0", "kind": "x"}})
    payload = old.payload | {
        "settings": {"seed": 0, "a": 2},
        "outside": {"model": {"sha256": "1", "kind": "y"}},
        "version": 3,
        "inputs": {"sft": "0" * 64},
    }
    assert explain_difference(payload, old) == [
        "input sft changed",
        "model changed",
        "a 1 → 2",
        "gone True → none",
        "version 1 → 3",
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([0.0, 1.0, 2.0]) | st.sampled_from("ab"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xyz"), inner, min_size=1, max_size=2),
    max_leaves=4,
)


@given(VALUES, VALUES)
def test_whatever_changes_a_key_is_told(old: object, new: object) -> None:
    store = Store("memory://difference")
    record = put(store, "data", settings={"field": old})
    payload = record.payload | {"settings": record.payload["settings"] | {"field": new}}
    assert bool(explain_difference(payload, record)) == (digest(payload) != record.key)
