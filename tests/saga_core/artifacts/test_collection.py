"""What may go and what stays: decided for graphs of artifacts in real stores."""

from pathlib import Path

import pytest
from artifact_graphs import address, chain, name_champion, put, record_file, set_age, write_run

from saga_core.artifacts.champion import RESTORABLE
from saga_core.artifacts.collection import Kind, Plan, Terms, Why, plan_removal
from saga_core.artifacts.fingerprint import digest
from saga_core.artifacts.holder import Holder
from saga_core.artifacts.lease import Lease
from saga_core.artifacts.pointer import Pointer
from saga_core.artifacts.record import Record
from saga_core.artifacts.snapshot import take_snapshot
from saga_core.artifacts.store import Store

DAY = 86_400.0
MONTH = Terms(30 * DAY)


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store") if request.param == "local" else f"memory://{tmp_path.name}")


@pytest.fixture
def disk(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def plan(store: Store, terms: Terms = MONTH) -> Plan:
    return plan_removal(take_snapshot(store), terms)


def kinds(found: Plan) -> list[Kind]:
    return sorted(item.kind for item in found.items)


def test_what_was_not_used_for_long_goes_what_was_made_from_it_first(store: Store) -> None:
    made = chain(store, "data", "sft", "dpo", days=40)
    found = plan(store)
    assert list(found.artifacts) == [address(record) for record in reversed(made)]
    assert found.kept == {}
    assert [len(item.entries) for item in found.artifacts.values()] == [2, 2, 2]


def test_what_is_young_keeps_itself_and_all_that_it_was_made_from(store: Store) -> None:
    data = put(store, "data", days=90)
    old, young = put(store, "sft", data, days=80), put(store, "sft", data, seed=1, days=29)
    found = plan(store)
    assert list(found.artifacts) == [address(old)]
    assert found.kept == {address(young): Why.AGE, address(data): Why.REFERENCE}


def test_a_run_that_used_an_artifact_keeps_it_young(store: Store) -> None:
    used, unused = chain(store, "data", "sft", days=90), chain(store, "probe", "gate", days=90)
    write_run(store, "demo-0123456789", used, days=3)
    write_run(store, "demo-9876543210", unused, days=60)
    found = plan(store)
    assert set(found.kept.values()) == {Why.AGE}
    assert found.kept.keys() == {address(record) for record in used}
    # The report of the other run goes with what it used.
    assert [item.entries[0].path.split("/")[1] for item in found.leftovers] == ["demo-9876543210"]


def test_a_report_that_cannot_be_read_may_name_anything_while_it_is_young(store: Store) -> None:
    chain(store, "data", "sft", days=90)
    path = "runs/demo-0123456789/1.json"
    store.storage.write(path, b"{}")
    assert plan_removal(take_snapshot(store), MONTH).items == []
    set_age(store, "runs", 60)
    assert {item.kind for item in plan_removal(take_snapshot(store), MONTH).items} == {Kind.ARTIFACT, Kind.RUN}


def test_champions_keep_what_they_reach(store: Store) -> None:
    best, _ = chain(store, "data", "sft", "dpo", days=400)[2], chain(store, "probe", "gate", days=400)
    name_champion(store, "nb", best)
    found = plan(store)
    assert sorted(found.kept.values()) == [Why.CHAMPION, Why.REFERENCE, Why.REFERENCE]
    assert [a.stage for a in found.artifacts] == ["gate", "probe"]


def test_so_many_champions_are_kept_as_one_can_go_back_to(store: Store) -> None:
    made = [put(store, "publish", seed=n, days=400) for n in range(RESTORABLE + 2)]
    for n, record in enumerate(made):
        name_champion(store, "nb", record, adapter=n)
    other = put(store, "publish", seed=99, days=400)
    name_champion(store, "da", other)
    assert plan(store).kept.keys() == {address(record) for record in (*made[2:], other)}
    # Back to the third: it counts as the newest, and takes no place of its own.
    Pointer(store, "nb").roll_back(3)
    assert plan(store).kept.keys() == {address(record) for record in (*made[2:], other)}
    Pointer(store, "nb").roll_back(0)
    assert plan(store).kept.keys() == {address(record) for record in (*made[2:], other)}


def test_a_running_lease_keeps_its_key_and_its_inputs(store: Store) -> None:
    data, sft = chain(store, "data", "sft", days=400)
    other = put(store, "probe", days=400)
    holder = Holder.this("demo", (("sft", sft.key),))
    lease = store.claim("dpo", "d" * 64, holder)
    assert isinstance(lease, Lease)
    store.partial("dpo", "d" * 64, lease)
    try:
        found = plan(store, Terms(0))
        assert found.kept == {address(sft): Why.LEASE, address(data): Why.REFERENCE}
        assert list(found.artifacts) == [address(other)]
        assert kinds(found) == [Kind.ARTIFACT]
    finally:
        lease.release()
    assert len(plan(store, Terms(0)).artifacts) == 3


def test_the_lease_of_a_process_that_is_gone_keeps_nothing(store: Store) -> None:
    sft = put(store, "sft", days=400)
    gone = Holder.this("demo", (("sft", sft.key),)).model_copy(update={"started": "1"})
    store.storage.write(f"dpo/{'d' * 32}/lease/00000001.json", gone.model_dump_json().encode())
    assert kinds(plan(store, Terms(0))) == [Kind.ARTIFACT, Kind.LEASE]


def test_of_one_recipe_only_its_own_goes(store: Store) -> None:
    shared = put(store, "data", days=90, recipe="a")
    mine, theirs = (
        put(store, "sft", shared, seed=1, days=90, recipe="a"),
        put(store, "sft", shared, days=90, recipe="b"),
    )
    write_run(store, "a-0123456789", [mine], days=90, recipe="a")
    write_run(store, "b-0123456789", [], days=90, recipe="b")
    store.storage.write(f"{store.folder('sft', theirs.key)}/{'0' * 16}/half.json", b"half")
    store.storage.write(f"{store.folder('sft', mine.key)}/{'0' * 16}/half.json", b"half")
    store.storage.write("probe/0123456789abcdef/1", b"1")
    set_age(store, "", 90)
    found = plan(store, Terms(30 * DAY, "a"))
    assert found.kept == {address(theirs): Why.RECIPE, address(shared): Why.REFERENCE}
    assert list(found.artifacts) == [address(mine)]
    assert [item.kind for item in found.leftovers] == [Kind.ATTEMPT, Kind.RUN]
    assert "/a-" in found.leftovers[1].entries[0].path


def test_leftovers_go_when_they_are_old(store: Store, tmp_path: Path) -> None:
    record = put(store, "data")
    folder = store.folder("data", record.key)
    (tmp_path / "piece").mkdir()
    (tmp_path / "piece" / "rows.json").write_text("[1]")
    for key in (record.key, "e" * 64):
        store.partial("data", key, None).keep("rows", tmp_path / "piece")
    for path in (
        f"{folder}/{'0' * 16}/half.json",
        f"{folder}/record.json.damaged-01234567",
        f"data/{'e' * 32}/{'1' * 16}/half.json",
        f"data/{'e' * 32}/lease/00000001.end",
        f"data/{'f' * 32}/lease/00000001.json",
        f"data/{'f' * 32}/lease/00000001.end",
        "probe/0123456789abcdef/1",
        "runs/x-0123456789/1.json",
    ):
        store.storage.write(path, b"{}")
    assert kinds(plan(store)) == []
    everything = [
        Kind.PIECES, Kind.PIECES, Kind.ATTEMPT, Kind.ATTEMPT, Kind.ASIDE, Kind.LEASE, Kind.LEASE, Kind.PROBE, Kind.RUN
    ]  # fmt: skip
    # What a report names, and it may be anything, may have been used a while after it was written.
    assert kinds(plan(store, Terms(0))) == sorted(everything)
    set_age(store, "runs", 1)
    assert kinds(plan(store, Terms(0))) == sorted([*everything, Kind.ARTIFACT])
    set_age(store, "", 31)
    # The record itself says that the artifact is young.
    assert kinds(plan(store)) == sorted(everything)


def test_unfinished_work_is_of_one_age(store: Store) -> None:
    store.storage.write(f"data/{'e' * 32}/{'1' * 16}/whole.json", b"1")
    set_age(store, "", 31)
    # Its lease may have ended with the record, which was not written yet.
    store.storage.write(f"data/{'e' * 32}/lease/00000001.end", b"{}")
    assert kinds(plan(store)) == []


def test_an_attempt_that_a_record_refers_to_is_no_orphan(store: Store) -> None:
    before = put(store, "data", days=90)
    user = put(store, "sft", before)
    again = put(store, "data", days=90, files={"value.json": b"2"}, replace=True)
    set_age(store, "", 90)
    assert before.key == again.key
    assert plan(store).items == []
    name_champion(store, "other", again)
    store.storage.remove([f"{store.folder('sft', user.key)}/record.json"])
    assert [item.kind for item in plan(store).leftovers] == [Kind.ATTEMPT, Kind.ATTEMPT]


@pytest.mark.parametrize("broken", ["record", "champion", "lease"])
def test_what_cannot_be_read_may_refer_to_anything(store: Store, broken: str) -> None:
    data, sft = chain(store, "data", "sft", days=90)
    path = {
        "record": f"{store.folder('sft', sft.key)}/record.json",
        "champion": "champions/nb/00000001.json",
        "lease": f"dpo/{'d' * 32}/lease/00000001.json",
    }[broken]
    store.storage.write(path, b'{"half": ')
    store.storage.write(f"{store.folder('data', data.key)}/{'0' * 16}/half.json", b"half")
    if broken != "lease":
        set_age(store, "", 90)
    found = plan_removal(take_snapshot(store), Terms(DAY / 24))
    assert not found.artifacts
    assert Kind.ATTEMPT not in kinds(found)
    assert set(found.kept.values()) == {Why.UNREADABLE}
    assert list(take_snapshot(store).unreadable) == [path]


@pytest.mark.parametrize("linked", ["dpo", "champions", "champions/best", "dpo/{key}", "dpo/{key}/lease"])
def test_what_lies_behind_a_link_may_refer_to_anything(disk: Store, tmp_path: Path, linked: str) -> None:
    data = put(disk, "data", days=90)
    dpo = put(disk, "dpo", days=90)
    name_champion(disk, "best", data)
    put(disk, "dpo", days=90, leased=True, replace=True)
    path = Path(disk.uri) / linked.format(key=dpo.key[:32])
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    set_age(disk, "", 90)
    found = plan(disk)
    assert not found.artifacts
    assert Kind.ATTEMPT not in kinds(found)


@pytest.mark.parametrize("linked", ["notes.txt", "0123456789abcdef", "partial"])
def test_a_link_that_hides_nothing_keeps_nothing(disk: Store, linked: str) -> None:
    data, young = put(disk, "data", days=90), put(disk, "sft")
    for record in (data, young):
        (record_file(disk, record).parent / linked).symlink_to("/etc")
    assert list(plan(disk).artifacts) == [address(data)]


def test_what_the_store_did_not_put_there_is_left_alone(disk: Store) -> None:
    record = put(disk, "data", days=90)
    root, folder = Path(disk.uri), record_file(disk, record).parent
    mine = [
        root / "notes.txt",
        root / "data" / "notes.txt",
        root / "data" / ("x" * 32) / "record.json",
        root / "runs" / "notes.txt",
        root / "other" / "folder" / "file.json",
        root / ".git" / "objects" / "x.01234567",
        root / ".hidden.01234567",
        folder / "notes.txt",
        folder / "0123" / "x.json",
    ]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    set_age(disk, "", 90)
    going = {entry.path for item in plan(disk).items for entry in item.entries}
    assert going == {
        f"{disk.folder('data', record.key)}/{name}" for name in ("record.json", f"{record.attempt}/value.json")
    }
    assert not [item for item in plan(disk).items if item.unfinished]


def test_temporary_files_of_dead_writers_are_found(disk: Store) -> None:
    record = put(disk, "data")
    folder = record_file(disk, record).parent
    for path in (folder / ".record.json.01234567", folder / record.attempt / ".big.json.89abcdef"):
        path.write_text("half")
    assert kinds(plan(disk, Terms(60))) == []
    set_age(disk, "", 1)
    found = plan(disk, Terms(60))
    assert [(item.kind, item.size, item.files) for item in found.leftovers] == [(Kind.WRITE, 4, 1)] * 2


def test_records_that_refer_to_each_other_in_a_circle_were_forged_and_end_nothing(store: Store) -> None:
    one = put(store, "data", days=90)
    reference = store.reference(one).model_dump(mode="json")
    payload = {**one.payload, "inputs": {"self": one.digest}}
    key = digest(payload)
    forged = one.model_dump(mode="json") | {"payload": payload, "key": key}
    forged["inputs"] = {"self": reference | {"key": key}}
    record = Record.model_validate(forged).sealed()
    store.storage.write(f"{store.folder('data', key)}/record.json", record.model_dump_json().encode())
    assert len(plan(store).artifacts) == 2
    name_champion(store, "best", record)
    assert len(plan(store).artifacts) == 1


def curves(store: Store, record: Record, *, recipe: str = "demo", days: float = 40) -> str:
    folder = f"tracking/{recipe}/{store.folder(record.stage, record.key)}"
    store.storage.write(f"{folder}/events.out.tfevents.1.host", b"curves")
    set_age(store, folder, days)
    return folder


def going(found: Plan) -> list[str]:
    return [item.entries[0].path.rpartition("/")[0] for item in found.items if item.kind is Kind.EVENTS]


def test_curves_go_with_their_artifact_and_stay_with_it(store: Store) -> None:
    old, young = put(store, "dpo", days=40), put(store, "dpo", seed=1, days=3)
    gone, _ = curves(store, old), curves(store, young)
    assert going(plan(store)) == [gone]


def test_curves_without_any_artifact_go_when_they_are_old(store: Store, tmp_path: Path) -> None:
    never = put(Store(str(tmp_path / "elsewhere")), "dpo")
    folder = curves(store, never, days=29)
    assert going(plan(store)) == []
    set_age(store, folder, 31)
    assert going(plan(store)) == [folder]


def test_curves_of_a_training_that_can_go_on_stay_with_its_checkpoints(store: Store, tmp_path: Path) -> None:
    never = put(Store(str(tmp_path / "elsewhere")), "dpo")
    curves(store, never)
    (tmp_path / "piece").mkdir()
    (tmp_path / "piece" / "state.json").write_text("{}")
    store.partial("dpo", never.key, None).keep("checkpoint", tmp_path / "piece")
    assert plan(store).items == []


def test_curves_of_a_damaged_record_stay(disk: Store) -> None:
    record = put(disk, "dpo", days=40)
    curves(disk, record)
    record_file(disk, record).write_text("{}")
    set_age(disk, "dpo", 40)
    assert going(plan(disk)) == []


def test_curves_of_other_recipes_stay(store: Store, tmp_path: Path) -> None:
    never = put(Store(str(tmp_path / "elsewhere")), "dpo")
    mine, _ = curves(store, never), curves(store, never, recipe="other")
    assert going(plan(store, Terms(0, "demo"))) == [mine]
