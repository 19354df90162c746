"""The pointer to a language's champion: it moves in one write, and every move can be undone."""

import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path
from queue import Queue

import pytest
from artifact_graphs import champion_of, name_champion, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from servers.fixtures import Bucket, Proxied

from saga_core.artifacts.champion import RESTORABLE, Entry
from saga_core.artifacts.pointer import Pointer, languages_with_champions
from saga_core.artifacts.record import Record
from saga_core.artifacts.store import Store
from saga_core.errors import DamagedArtifactError, StoreError, UserError

_SPAWN = multiprocessing.get_context("spawn")
_RACERS = 4


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


@pytest.fixture
def made(store: Store) -> Record:
    return put(store, "publish")


def recipes(pointer: Pointer) -> list[int | None]:
    """Return the adapters of the history, by their numbers in these tests."""
    return [int(e.champion.adapter, 16) if e.champion else None for e in pointer.history()]


def test_a_promotion_is_an_entry_and_the_last_entry_is_the_champion(store: Store, made: Record) -> None:
    pointer = Pointer(store, "nb")
    assert pointer.history() == ()
    first, second = (name_champion(store, "nb", made, adapter=n) for n in (1, 2))
    assert pointer.history() == (first, second)
    assert (first.number, second.number, second.move, second.reasons) == (1, 2, "promoted", ("it is the best",))
    assert " on " in second.who
    assert languages_with_champions(store) == ["nb"]


def test_who_decided_before_somebody_else_moved_it_is_told(store: Store, made: Record) -> None:
    pointer = Pointer(store, "nb")
    assert pointer.promote(0, champion_of(store, made, adapter=1), []) is not None
    assert pointer.promote(0, champion_of(store, made, adapter=2), []) is None
    assert recipes(pointer) == [1]


def test_back_and_forth(store: Store, made: Record) -> None:
    pointer = Pointer(store, "nb")
    for n in (1, 2, 3):
        name_champion(store, "nb", made, adapter=n)
    back = pointer.roll_back()
    assert (back.number, back.move, back.restores, back.title) == (4, "rolled back", 2, "rolled back to 2")
    # Once more: to what stood before that one, and not back and forth.
    assert pointer.roll_back().restores == 1
    with pytest.raises(UserError, match="it is the first; saga rollback nb --to 0 leaves none"):
        pointer.roll_back()
    # A return is undone by another, and an entry that is itself a return means the champion that it brought back.
    assert pointer.roll_back(3).restores == 3
    assert pointer.roll_back(4).restores == 2
    assert pointer.roll_back(0).champion is None
    with pytest.raises(UserError, match="there is none; saga rollback nb --to N brings one back"):
        pointer.roll_back()
    assert recipes(pointer) == [1, 2, 3, 2, 1, 3, 2, None]
    name_champion(store, "nb", made, adapter=4)
    with pytest.raises(UserError, match="nothing to roll back to"):
        pointer.roll_back()
    assert pointer.roll_back(1).restores == 1


def test_what_was_gone_back_from_is_not_what_stood_before(store: Store, made: Record) -> None:
    for n in (1, 2):
        name_champion(store, "nb", made, adapter=n)
    pointer = Pointer(store, "nb")
    pointer.roll_back()
    name_champion(store, "nb", made, adapter=3)
    assert pointer.roll_back().restores == 1


def test_no_champion_and_no_such_entry_are_one_line(store: Store, made: Record) -> None:
    pointer = Pointer(store, "nb")
    with pytest.raises(UserError, match="no champion of nb yet; saga retrain makes the first"):
        pointer.roll_back()
    name_champion(store, "nb", made)
    with pytest.raises(UserError, match="no entry 7; its history has entry 1 alone"):
        pointer.roll_back(7)
    with pytest.raises(UserError, match="that is the champion already"):
        pointer.roll_back(1)


def test_only_what_is_kept_can_come_back(store: Store, made: Record) -> None:
    for n in range(RESTORABLE + 2):
        name_champion(store, "nb", made, adapter=n)
    pointer = Pointer(store, "nb")
    with pytest.raises(UserError, match=r"only the newest 5 champions are kept; name one of 7, 6, 5, 4, 3"):
        pointer.roll_back(2)
    other = put(store, "publish", seed=1)
    name_champion(store, "nb", other, adapter=99)
    name_champion(store, "nb", made, adapter=100)
    (store.fetch(store.reference(other)) / "value.json").unlink()
    with pytest.raises(UserError, match="publish of that champion is damaged"):
        pointer.roll_back()
    assert len(pointer.history()) == RESTORABLE + 4


def test_a_damaged_entry_is_named_and_nobody_is_champion_by_guess(store: Store, made: Record) -> None:
    for n in (1, 2):
        name_champion(store, "nb", made, adapter=n)
    path = Path(store.uri) / "champions" / "nb" / "00000002.json"
    whole = path.read_bytes()
    for data in (whole[:50], whole.replace(b'"number": 2', b'"number": 1'), b"{}"):
        path.write_bytes(data)
        with pytest.raises(DamagedArtifactError, match=r"00000002\.json"):
            Pointer(store, "nb").history()
    (path.parent / "notes.txt").write_text("mine")
    path.write_bytes(whole)
    assert len(Pointer(store, "nb").history()) == 2


@pytest.mark.parametrize(
    "change",
    [{"restores": 1}, {"champion": None}, {"move": "rolled back"}, {"number": 0}, {"when": "2026-01-01"}, {"more": 1}],
)
def test_an_entry_says_one_thing(store: Store, made: Record, change: dict[str, object]) -> None:
    entry = name_champion(store, "nb", made).model_dump(mode="json")
    with pytest.raises(ValidationError):
        Entry.model_validate(entry | change)


@given(st.lists(st.one_of(st.none(), st.integers(0, 12)), max_size=12))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_done_the_history_only_grows_and_says_who_is_champion(
    tmp_path: Path, moves: list[int | None]
) -> None:
    store = Store(str(tmp_path / str(len(list(tmp_path.iterdir())))))
    made, pointer = put(store, "publish"), Pointer(store, "nb")
    before: tuple[Entry, ...] = ()
    for number, to in enumerate(moves):
        # Every other move is a promotion.
        if number % 2 == 0:
            name_champion(store, "nb", made, adapter=number)
        else:
            try:
                pointer.roll_back(to)
            except UserError:
                assert pointer.history() == before
                continue
        history = pointer.history()
        assert history[:-1] == before
        assert [e.number for e in history] == list(range(1, len(history) + 1))
        last = history[-1]
        if last.restores is not None:
            assert last.champion == (history[last.restores - 1].champion if last.restores else None)
            assert last.champion != before[-1].champion
        before = history


def race(uri: str, number: int, rounds: int, start: Barrier, results: "Queue[tuple[int, list[int]]]") -> None:
    """Promote against the others, each time from the history that all have just seen."""
    store = Store(uri)
    made, pointer = store.records("publish")[0], Pointer(store, "nb")
    assert store.capabilities.conditional_writes
    won = []
    for _ in range(rounds):
        start.wait(timeout=60)
        after = len(pointer.history())
        start.wait(timeout=60)
        entry = pointer.promote(after, champion_of(store, made, adapter=number), [])
        won += [entry.number] if entry else []
    results.put((number, won))


def run_races(uri: str, rounds: int) -> None:
    put(Store(uri), "publish")
    start, results = _SPAWN.Barrier(_RACERS), _SPAWN.Queue()
    racers = [_SPAWN.Process(target=race, args=(uri, n, rounds, start, results)) for n in range(_RACERS)]
    for process in racers:
        process.start()
    won = dict(results.get(timeout=120) for _ in racers)
    for process in racers:
        process.join(timeout=30)
        assert process.exitcode == 0
    history = Pointer(Store(uri), "nb").history()
    assert len(history) == rounds
    assert sorted(number for numbers in won.values() for number in numbers) == list(range(1, rounds + 1))
    for entry in history:
        assert entry.champion is not None
        assert entry.number in won[int(entry.champion.adapter, 16)]
    winners = sum(bool(numbers) for numbers in won.values())
    print(f"\n{rounds} races of {_RACERS} promoters at {uri.split(':')[0]}: one winner each, {winners} won some")
    assert winners > 1


def test_of_racing_promoters_one_wins_on_a_disk(tmp_path: Path) -> None:
    run_races(str(tmp_path), 12)


@pytest.mark.slow
def test_of_racing_promoters_one_wins_on_an_s3_server(bucket: Bucket) -> None:
    run_races(f"{bucket.url}/races", 25)


def test_a_return_at_the_moment_of_another_move_is_told(
    store: Store, made: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in (1, 2):
        name_champion(store, "nb", made, adapter=n)
    late, look = Pointer(store, "nb"), store.look

    def look_and_be_overtaken(stage: str, key: str) -> object:
        if len(Pointer(store, "nb").history()) == 2:
            name_champion(store, "nb", made, adapter=3)
        return look(stage, key)

    monkeypatch.setattr(store, "look", look_and_be_overtaken)
    with pytest.raises(StoreError, match="changed at this very moment"):
        late.roll_back()
    assert recipes(late) == [1, 2, 3]


def test_where_two_could_both_win_nobody_moves_it(bucket: Bucket, proxied: Proxied) -> None:
    made = put(Store(f"{bucket.url}/store"), "publish")
    name_champion(Store(f"{bucket.url}/store"), "nb", made, adapter=1)
    proxied(bucket, strip_conditions=1.0)
    without = Store(f"{bucket.url}/store")
    pointer = Pointer(without, "nb")
    for move in (
        pointer.check_movable,
        lambda: pointer.promote(1, champion_of(without, made, adapter=2), []),
        lambda: pointer.roll_back(0),
    ):
        with pytest.raises(UserError, match="nb cannot be changed: the store has no conditional writes"):
            move()
    assert recipes(pointer) == [1]
