"""Removal: nothing that is needed goes, at whatever moment it is killed, and whatever happens meanwhile."""

import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from artifact_graphs import DAY, address, chain, listing, name_champion, put, set_age, write_run
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servers.exchanges import Exchange
from servers.faults import Fault
from servers.fixtures import Bucket, Proxied

from saga_core.artifacts.collection import Item, Kind, Terms, plan_removal
from saga_core.artifacts.holder import Holder
from saga_core.artifacts.inventory import Address
from saga_core.artifacts.lease import Lease, fence
from saga_core.artifacts.record import Record
from saga_core.artifacts.removal import remove
from saga_core.artifacts.snapshot import take_snapshot
from saga_core.artifacts.storage import Patience
from saga_core.artifacts.store import Store
from saga_core.artifacts.verification import survey, verify
from saga_core.errors import LeaseLostError, StoreError

MONTH = Terms(30 * DAY)
STAGES = ("data", "sft", "pairs", "dpo")


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store") if request.param == "local" else f"memory://{tmp_path.name}")


def collect(store: Store, terms: Terms = MONTH) -> list[Item]:
    snapshot = take_snapshot(store, store.capabilities.now())
    return remove(store, snapshot, plan_removal(snapshot, terms), terms)


def live(store: Store) -> dict[Address, Record]:
    return take_snapshot(store).records


def assert_whole(store: Store) -> None:
    """Nothing is damaged, and whatever a record refers to is there."""
    assert list(verify(store, survey(store))) == []
    records = live(store)
    for record in records.values():
        for reference in record.inputs.values():
            assert Address.of(reference) in records


def test_what_may_go_goes_with_all_that_belongs_to_it(store: Store) -> None:
    chain(store, *STAGES, days=90)
    kept = put(store, "data", seed=1)
    put(store, "sft", seed=5, days=90, leased=True)
    gone = collect(store)
    assert len(gone) == 5
    assert sum(item.size for item in gone if item.kind is Kind.ARTIFACT) > 0
    assert sorted(path.rsplit("/", 1)[-1] for path in listing(store)) == ["record.json", "value.json"]
    assert live(store) == {address(kept): kept}
    assert collect(store) == []


def test_leftovers_of_every_kind_go(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    kept = put(store, "data")
    folder = store.folder("data", kept.key)
    (tmp_path / "piece").mkdir()
    (tmp_path / "piece" / "rows.json").write_text("[1]")
    for key in (kept.key, "e" * 64):
        store.partial("data", key, None).keep("rows", tmp_path / "piece")
    for path in (
        f"{folder}/{'0' * 16}/half.json",
        f"{folder}/record.json.damaged-01234567",
        f"{folder}/.record.json.01234567",
        f"data/{'e' * 32}/{'1' * 16}/half.json",
        f"data/{'e' * 32}/lease/00000001.json",
        f"data/{'e' * 32}/lease/00000001.end",
        "probe/0123456789abcdef/1",
        f"tracking/demo/data/{'e' * 32}/events.out.tfevents.1.host",
        "runs/x-0123456789/1.json",
    ):
        store.storage.write(path, b"{}")
    set_age(store, "", 90)
    assert {item.kind for item in collect(store)} == set(Kind) - {Kind.ARTIFACT}
    files = {path.relative_to(tmp_path / "store").as_posix() for path in (tmp_path / "store").rglob("*")}
    attempt = f"{folder}/{kept.attempt}"
    # Not even an empty folder is left.
    assert files == {"data", folder, f"{folder}/record.json", attempt, f"{attempt}/value.json"}


def test_a_leased_artifact_that_was_removed_is_not_brought_back_by_its_lease(store: Store) -> None:
    record = put(store, "data", days=90, leased=True)
    put(store, "data", days=90, leased=True, replace=True, files={"value.json": b"2"})
    collect(store)
    assert listing(store) == []
    again = put(store, "data", leased=True)
    assert again.digest == record.digest
    assert_whole(store)


def test_a_commit_whose_record_was_never_written_is_finished_and_not_collected(store: Store) -> None:
    data = put(store, "data", days=90)
    record = put(store, "sft", data, days=90, leased=True)
    store.storage.remove([f"{store.folder('sft', record.key)}/record.json"])
    assert collect(store) == []
    assert live(store).keys() == {address(data), address(record)}
    assert_whole(store)
    # From then on it is an artifact like any other.
    assert [item.kind for item in collect(store)] == [Kind.ARTIFACT, Kind.ARTIFACT]


def test_a_lease_that_was_taken_a_moment_ago_is_not_fenced(store: Store) -> None:
    first = store.claim("dpo", "d" * 64, Holder.this("demo"))
    assert isinstance(first, Lease)
    first.release()
    before = store.storage.files(f"dpo/{'d' * 32}/lease")
    second = store.claim("dpo", "d" * 64, Holder.this("demo"))
    assert isinstance(second, Lease)
    assert not fence(store.storage, f"dpo/{'d' * 32}", before, Holder.this("saga gc"))
    second.check()
    assert second.is_newest()
    second.release()


@pytest.mark.parametrize("collections", [1, 2])
def test_a_writer_that_slept_through_a_removal_cannot_commit(store: Store, collections: int) -> None:
    record = put(store, "data")
    folder = store.folder("data", record.key)
    store.storage.remove([f"{folder}/record.json"])
    # Elsewhere, so that its silence alone is known; it had uploaded everything.
    asleep = store.claim("data", record.key, Holder.this("demo", ()).model_copy(update={"machine": "f" * 32}))
    assert isinstance(asleep, Lease)
    asleep.stop()
    for _ in range(collections):
        set_age(store, "", 90)
        collect(store)
    # Once as a fence, and when that is old, not at all.
    assert listing(store) == [f"{folder}/lease/00000001.end"][collections - 1 :]
    with pytest.raises(LeaseLostError):
        asleep.commit(record.model_dump(mode="json"))
    assert live(store) == {}
    again = put(store, "data", leased=True)
    assert live(store) == {address(again): again}
    assert_whole(store)


@pytest.mark.parametrize("beats", [False, True])
def test_a_writer_that_slept_until_its_number_was_anothers_cannot_commit(store: Store, beats: bool) -> None:
    short = Store(store.uri, Patience(seconds=20, lease=2.0))
    record = put(store, "data")
    store.storage.remove([f"{store.folder('data', record.key)}/record.json"])
    elsewhere = Holder.this("demo", ()).model_copy(update={"machine": "f" * 32})
    asleep = short.claim("data", record.key, elsewhere)
    assert isinstance(asleep, Lease)
    if not beats:
        asleep.stop()
    # Everything was collected twice, the fence too, and somebody begins anew.
    store.storage.remove(listing(store))
    begun = short.claim("data", record.key, elsewhere.model_copy(update={"nonce": "0" * 16}))
    assert isinstance(begun, Lease)
    assert begun.number == asleep.number == 1
    if beats:
        time.sleep(1.5)
        with pytest.raises(LeaseLostError):
            asleep.check()
    with pytest.raises(LeaseLostError):
        asleep.commit(record.model_dump(mode="json"))
    begun.check()
    begun.commit(record.model_dump(mode="json"))
    begun.stop()
    asleep.stop()


# What others may do between the plan and the removal.
def _made_from_it(store: Store, made: list[Record]) -> None:
    put(store, "dpo", made[-1], seed=7)


def _reported(store: Store, made: list[Record]) -> None:
    write_run(store, "demo-0123456789", made[-1:])


def _championed(store: Store, made: list[Record]) -> None:
    name_champion(store, "nb", made[-1])


def _leased_for_another(store: Store, made: list[Record]) -> None:
    holder = Holder.this("demo", ((made[-1].stage, made[-1].key),))
    store.storage.write(f"dpo/{'d' * 32}/lease/00000001.json", holder.model_dump_json().encode())


def _leased_itself(store: Store, made: list[Record]) -> None:
    lease = store.claim(made[-1].stage, made[-1].key, Holder.this("demo", ()), redo=True)
    assert isinstance(lease, Lease)
    lease.stop()


def _unreadable(store: Store, made: list[Record]) -> None:
    store.storage.write(f"dpo/{'d' * 32}/record.json", b"{")


@pytest.mark.parametrize(
    "happens", [_made_from_it, _reported, _championed, _leased_for_another, _leased_itself, _unreadable]
)
def test_what_came_to_be_needed_after_the_plan_stays(
    store: Store, happens: Callable[[Store, list[Record]], None]
) -> None:
    made = chain(store, "data", "sft", days=90)
    other = put(store, "probe", days=90)
    before = {path: store.storage.read(path) for path in listing(store)}
    snapshot = take_snapshot(store, store.capabilities.now())
    plan = plan_removal(snapshot, MONTH)
    assert len(plan.items) == 3
    happens(store, made)
    gone = remove(store, snapshot, plan, MONTH)
    # What cannot be read keeps everything.
    assert [item.address for item in gone] == ([] if happens is _unreadable else [address(other)])
    for record in made:
        assert Store(store.uri).look(record.stage, record.key) == (record, None)
    there = {path: store.storage.read(path) for path in listing(store)}
    expected = before if happens is _unreadable else {p: b for p, b in before.items() if not p.startswith("probe/")}
    assert {path: data for path, data in there.items() if path in expected} == expected


def test_what_was_refreshed_after_the_plan_stays(store: Store) -> None:
    put(store, "data", days=90)
    snapshot = take_snapshot(store, store.capabilities.now())
    plan = plan_removal(snapshot, MONTH)
    again = put(store, "data", files={"value.json": b"2"}, replace=True)
    assert remove(store, snapshot, plan, MONTH) == []
    assert Store(store.uri).look("data", again.key) == (again, None)


def test_work_that_is_taken_up_again_after_the_plan_stays(store: Store, tmp_path: Path) -> None:
    (tmp_path / "piece").mkdir()
    (tmp_path / "piece" / "rows.json").write_text("[1]")
    store.partial("dpo", "d" * 64, None).keep("rows", tmp_path / "piece")
    set_age(store, "", 90)
    snapshot = take_snapshot(store, store.capabilities.now())
    plan = plan_removal(snapshot, MONTH)
    assert [item.kind for item in plan.items] == [Kind.PIECES]
    lease = store.claim("dpo", "d" * 64, Holder.this("demo", ()))
    assert isinstance(lease, Lease)
    assert remove(store, snapshot, plan, MONTH) == []
    assert store.partial("dpo", "d" * 64, None).names() == ["rows"]
    lease.release()


Node = tuple[list[int], int, str, bool]
NODES: st.SearchStrategy[list[Node]] = st.lists(
    st.tuples(
        st.lists(st.integers(0, 8), max_size=3), st.sampled_from([1, 20, 45, 100]), st.sampled_from("ab"), st.booleans()
    ),
    min_size=1,
    max_size=9,
)
CHOICE = st.lists(st.integers(0, 8), max_size=2)


@given(
    nodes=NODES,
    champions=CHOICE,
    leased=CHOICE,
    used=st.lists(st.tuples(CHOICE, st.sampled_from([2, 50])), max_size=2),
    left=st.lists(st.tuples(st.integers(0, 8), st.sampled_from([2, 50])), max_size=3),
    days=st.sampled_from([0, 10, 30, 60]),
    recipe=st.sampled_from([None, "a"]),
    local=st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_for_any_graph_exactly_what_nothing_keeps_goes(
    tmp_path: Path,
    nodes: list[Node],
    champions: list[int],
    leased: list[int],
    used: list[tuple[list[int], int]],
    left: list[tuple[int, int]],
    days: int,
    recipe: str | None,
    local: bool,
) -> None:
    name = uuid.uuid4().hex
    store = Store(str(tmp_path / name) if local else f"memory://{name}")
    made: list[Record] = []
    for i, (inputs, age, maker, lease) in enumerate(nodes):
        # Inputs are called by their stages, so each node has one of its own.
        sources = [made[j] for j in sorted(set(inputs)) if j < i]
        made.append(put(store, f"s{i}", *sources, days=age, recipe=maker, leased=lease))
    last_use = {i: float(node[1]) for i, node in enumerate(nodes)}
    pick = lambda numbers: [i for i in dict.fromkeys(numbers) if i < len(made)]  # noqa: E731
    for number, (numbers, age) in enumerate(used):
        write_run(store, f"a-{number:010x}", [made[i] for i in pick(numbers)], days=age, recipe="a")
        last_use |= {i: min(last_use[i], float(age)) for i in pick(numbers)}
    for number, age in left:
        folder = f"{store.folder('s0', made[0].key)}/{number:016x}"
        store.storage.write(f"{folder}/half.json", b"half")
        set_age(store, folder, age)
    if pick(champions):
        name_champion(store, "nb", *(made[i] for i in pick(champions)))
    holder = Holder.this("demo", tuple((made[i].stage, made[i].key) for i in pick(leased)))
    store.storage.write(f"dpo/{'d' * 32}/lease/00000001.json", holder.model_dump_json().encode())

    # What must stay, told anew.
    stays = {
        i
        for i, node in enumerate(nodes)
        if last_use[i] < days or i in champions or i in leased or (recipe and node[2] != recipe)
    }
    for i in reversed(range(len(nodes))):
        if i in stays:
            stays |= {j for j in nodes[i][0] if j < i}
    terms = Terms(days * DAY, recipe)
    dry = plan_removal(take_snapshot(store), terms)
    gone = collect(store, terms)
    assert gone == dry.items
    assert live(store).keys() == {address(made[i]) for i in stays}
    assert_whole(store)
    attempts = {int(path.split("/")[2], 16) for path in listing(store) if path.endswith("half.json")}
    if recipe is None or nodes[0][2] == recipe:
        newest = dict(left) if left else {}
        assert attempts == {number for number, age in newest.items() if age < days}
    assert collect(store, terms) == []
    assert [item for item in gone if item.kind is Kind.ARTIFACT] == list(dry.artifacts.values())


def graph_of(store: Store, many: int) -> list[Record]:
    """Make many old chains of three, a young artifact from the first of them, and return what must stay."""
    for seed in range(many):
        data = put(store, "data", seed=seed, days=90)
        sft = put(store, "sft", data, days=90)
        put(store, "dpo", sft, days=90, leased=seed < 5)
        if seed == 0:
            kept = [data, sft, put(store, "evaluate", sft)]
    return kept


def number_of(store: Store, name: str) -> int:
    return sum(path.endswith(name) for path in listing(store))


@pytest.mark.parametrize("gone", ["record.json", "value.json"])
def test_killed_in_the_middle_it_leaves_orphans_and_nothing_else(tmp_path: Path, gone: str) -> None:
    store = Store(str(tmp_path / "store"))
    # So many that a busy machine is not done before it is seen to have begun.
    kept = graph_of(store, 150)
    command = [sys.executable, "-m", "flows.command", "gc", "--store", store.uri]
    whole = number_of(store, gone)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 60
    while number_of(store, gone) > whole - 10:
        assert process.poll() is None, process.stdout and process.stdout.read()
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    left = live(store)
    assert number_of(store, "value.json") > len(kept)
    assert_whole(store)
    assert survey(store).orphans
    assert {address(record) for record in kept} <= left.keys()
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert live(store).keys() == {address(record) for record in kept}
    assert survey(store).orphans == []
    assert_whole(store)
    assert len(listing(store)) == 2 * len(kept)


def test_on_s3_it_goes_and_unfinished_uploads_with_it(bucket: Bucket) -> None:
    store = Store(f"{bucket.url}/prefix")
    chain(store, *STAGES, days=90)
    kept = put(store, "data", seed=1, files={"a*[b]?.json": b"1"}, days=1)
    client = bucket.server.client()
    path = f"{store.folder('data', kept.key)}/{'0' * 16}/big.safetensors"
    client.create_multipart_upload(Bucket=bucket.name, Key=f"prefix/{path}")
    client.create_multipart_upload(Bucket=bucket.name, Key="prefix/not/ours")
    # To this server every upload is years old.
    assert [item.kind for item in collect(store)] == 4 * [Kind.ARTIFACT] + [Kind.WRITE]
    assert live(store) == {address(kept): kept}
    assert len(collect(store, Terms(DAY / 2))) == 1
    assert listing(store) == []
    left = client.list_multipart_uploads(Bucket=bucket.name)["Uploads"]
    assert [upload["Key"] for upload in left] == ["prefix/not/ours"]


def test_an_outage_while_it_gathers_removes_nothing(bucket: Bucket, proxied: Proxied) -> None:
    made = Store(bucket.url)
    chain(made, *STAGES, days=90)
    before = listing(made)
    # Of four records one cannot be read.
    proxied(bucket, Fault("500", where=lambda exchange: "/dpo/" in exchange.path and exchange.kind == "GET"))
    with pytest.raises(StoreError):
        collect(Store(bucket.url, Patience(seconds=1, first=1)))
    assert listing(made) == before


def test_an_outage_while_it_removes_leaves_no_record_without_files(bucket: Bucket, proxied: Proxied) -> None:
    made = Store(bucket.url)
    chain(made, *STAGES, days=90)
    snapshot = take_snapshot(made)
    plan = plan_removal(snapshot, MONTH)
    removals = 0

    def third(exchange: Exchange) -> bool:
        nonlocal removals
        removals += exchange.kind == "DELETE_MANY"
        return removals > 2 and exchange.kind == "DELETE_MANY"

    proxied(bucket, Fault("500", where=third))
    store = Store(bucket.url, Patience(seconds=1, first=1))
    with pytest.raises(StoreError):
        remove(store, snapshot, plan, MONTH)
    assert 0 < len(live(made)) < len(STAGES)
    assert_whole(made)


def test_what_s3_refuses_to_remove_is_an_error(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(bucket.url, Patience(seconds=1, first=1))
    chain(store, "data", days=90)
    snapshot = take_snapshot(store, store.capabilities.now())
    client, ask = store.storage._fs, store.storage._fs.call_s3  # type: ignore[attr-defined]

    # No server here refuses one object of several; S3 does, within an answer that says 200.
    def refuse(method: str, **arguments: object) -> object:
        error = {"Key": "x", "Code": "AccessDenied", "Message": "Access Denied"}
        if method == "delete_object":
            raise ClientError({"Error": error}, method)
        return {"Errors": [error]} if method == "delete_objects" else ask(method, **arguments)

    monkeypatch.setattr(client, "call_s3", refuse)
    with pytest.raises(StoreError, match="cannot remove: AccessDenied"):
        remove(store, snapshot, plan_removal(snapshot, MONTH), MONTH)


def test_a_server_that_removes_no_more_than_one_at_a_time_is_asked_so(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(bucket.url, Patience(seconds=1, first=1))
    chain(store, "data", "pairs", days=90)
    snapshot = take_snapshot(store, store.capabilities.now())
    client, ask = store.storage._fs, store.storage._fs.call_s3  # type: ignore[attr-defined]
    asked = []

    # As MinIO was until 2025: newer clients send a checksum that it does not know.
    def refuse(method: str, **arguments: object) -> object:
        asked.append(method)
        if method == "delete_objects":
            status = {"HTTPStatusCode": 400}
            raise ClientError({"Error": {"Code": "MissingContentMD5"}, "ResponseMetadata": status}, method)
        return ask(method, **arguments)

    monkeypatch.setattr(client, "call_s3", refuse)
    remove(store, snapshot, plan_removal(snapshot, MONTH), MONTH)
    assert listing(store) == []
    assert asked.count("delete_objects") == 1


def test_the_curves_of_a_training_go_with_its_artifact_and_no_others(store: Store) -> None:
    old, young = put(store, "dpo", days=90), put(store, "dpo", seed=1)
    paths = [f"tracking/demo/{store.folder('dpo', record.key)}/events.out.tfevents.1.host" for record in (old, young)]
    for path in paths:
        store.storage.write(path, b"curves")
        set_age(store, path.rpartition("/")[0], 90)
    assert Kind.EVENTS in [item.kind for item in collect(store)]
    assert [path for path in listing(store) if path.startswith("tracking/")] == paths[1:]
    assert_whole(store)


def test_the_curves_of_a_training_that_began_meanwhile_stay(store: Store) -> None:
    never = put(store, "dpo", days=90)
    folder = store.folder("dpo", never.key)
    store.storage.remove([path for path in listing(store) if path.startswith(folder)])
    store.storage.write(f"tracking/demo/{folder}/events.out.tfevents.1.host", b"curves")
    set_age(store, f"tracking/demo/{folder}", 90)
    snapshot = take_snapshot(store, store.capabilities.now())
    planned = plan_removal(snapshot, MONTH)
    assert [item.kind for item in planned.items] == [Kind.EVENTS]
    lease = store.claim("dpo", never.key, Holder.this("demo", ()))
    assert isinstance(lease, Lease)
    assert remove(store, snapshot, planned, MONTH) == []
    lease.release()
