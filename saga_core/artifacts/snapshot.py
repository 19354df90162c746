"""A store at one moment: what lies there, what refers to what, and what is being worked on."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from saga_core.artifacts.champion import Entry as Move
from saga_core.artifacts.champion import parse_entry, restorable
from saga_core.artifacts.holder import Holder, read_holder
from saga_core.artifacts.inventory import Address, Folder, Inventory, is_ours, read_records, take_inventory
from saga_core.artifacts.lease import LEASES, last_commit, running_lease
from saga_core.artifacts.parallel import in_parallel
from saga_core.artifacts.record import Record
from saga_core.artifacts.runs import UNSAID
from saga_core.artifacts.storage import Entry, Unfinished
from saga_core.artifacts.store import KEY_IN_ADDRESS, Store
from saga_core.errors import DamagedArtifactError

_ATTEMPT_IN_URI = re.compile(r".*/([0-9a-f]{16})")


@dataclass(frozen=True)
class Run:
    """The report of a run.

    Attributes:
        entry: Its file.
        recipe: The recipe's name, or None where the file is no report.
        artifacts: What the run used.
    """

    entry: Entry
    recipe: str | None = None
    artifacts: frozenset[Address] = frozenset()


@dataclass
class Snapshot:
    """A store at one moment.

    Attributes:
        now: The moment, by the storage's clock, seconds since 1970.
        inventory: Its files.
        unfinished: Writes that nobody completed yet.
        read: The records, by their files.
        records: The same, by where their artifacts are.
        runs: What runs used.
        uses: When each artifact was made, or last used by a run.
        champions: Artifacts that champions name, and the champion's name.
        running: Keys under a running lease, and who holds it.
        needed: Artifacts that the work under a running lease reads, and who holds it.
        in_progress: Names of the runs under whose leases something is being made.
        makers: Recipe of who last held the lease of a key without a record.
        unwritten: Records that were committed, and whose writers did not live to write them.
        unreadable: Files that refer to artifacts, nobody knows to which, and what is wrong with them.
    """

    now: float
    inventory: Inventory
    unfinished: list[Unfinished]
    read: dict[Entry, Record] = field(default_factory=dict)
    records: dict[Address, Record] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    uses: dict[Address, float] = field(default_factory=dict)
    champions: dict[Address, str] = field(default_factory=dict)
    running: dict[Address, str] = field(default_factory=dict)
    needed: dict[Address, str] = field(default_factory=dict)
    in_progress: set[str] = field(default_factory=set)
    makers: dict[Address, str] = field(default_factory=dict)
    unwritten: dict[Address, Record] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    def use(self, address: Address, moment: float) -> None:
        """Take in that an artifact was made or used."""
        self.uses[address] = max(moment, self.uses.get(address, moment))

    def restore(self, address: Address, before: Snapshot) -> None:
        """Count an artifact in whose record was there before, unless it has another one now."""
        folder = self.inventory.folders.setdefault(address, Folder(address))
        if folder.record is None:
            folder.record = before.inventory.folders[address].record
            self.records[address] = before.records[address]
            self.use(address, before.uses[address])


def take_snapshot(store: Store, now: float | None = None, before: Snapshot | None = None) -> Snapshot:
    """Look at everything in a store that may keep an artifact.

    Args:
        store: The store.
        now: The storage's time. Where it is not given it is this machine's, but never one before the last write:
            nothing has to be written to find it out.
        before: An earlier snapshot; records that have not changed since are not read again.

    Raises:
        StoreError: Something could not be read, so what is to be kept is not known.
    """
    inventory = take_inventory(store.storage)
    folders = inventory.folders.values()
    if now is None:
        now = max([time.time(), *(entry.modified for folder in folders for entry in folder.entries())])
    unfinished = [write for write in store.storage.unfinished() if is_ours(write.path)]
    taken = Snapshot(now, inventory, unfinished)
    taken.read, damaged = read_records(store, folders, before.read if before else None)
    for entry, record in taken.read.items():
        address = Address.of(record)
        taken.records[address] = record
        taken.use(address, _moment(record.created) or entry.modified)
    taken.unreadable |= {entry.path: error.what for entry, error in damaged.items()}
    # Behind a link may lie records, or leases; beside them it hides nothing.
    strange = [entry for folder in folders for entry in folder.strange if entry.path.split("/")[2] == LEASES]
    links = [entry for entry in (*inventory.links, *strange) if entry.link]
    taken.unreadable |= {entry.path: "a symbolic link is not followed; remove it" for entry in links}
    runs = {run.entry: run for run in before.runs} if before else {}
    taken.runs += in_parallel(lambda entry: runs.get(entry) or _read_run(store, entry), inventory.runs)
    _take_champions(store, taken)
    for folder in folders:
        _take_lease(store, folder, taken)
    for run in taken.runs:
        # What a run in progress has made or found so far, it will read later on.
        moment = now if run.entry.path.split("/")[1] in taken.in_progress else run.entry.modified + UNSAID
        # What cannot be read may name anything.
        for address in run.artifacts if run.recipe is not None else taken.records:
            taken.use(address, moment)
    return taken


def inputs_of(record: Record | None) -> list[Address]:
    """Return what an artifact was made from."""
    return [Address.of(reference) for reference in record.inputs.values()] if record else []


def attempts_named(records: Iterable[Record]) -> set[tuple[Address, str]]:
    """Return the attempts that records name: their own, and those of their inputs, which may be other ones by now."""
    named = set()
    for record in records:
        named.add((Address.of(record), record.attempt))
        for reference in record.inputs.values():
            if match := _ATTEMPT_IN_URI.fullmatch(reference.uri):
                named.add((Address.of(reference), match[1]))
    return named


def _read_run(store: Store, entry: Entry) -> Run:
    try:
        report = store.runs.read(entry.path) or {}
    except DamagedArtifactError:
        return Run(entry)
    rows = report.get("stages")
    rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    named = [(row.get("stage"), row.get("key")) for row in rows]
    artifacts = {Address(s, k[:KEY_IN_ADDRESS]) for s, k in named if isinstance(s, str) and isinstance(k, str)}
    return Run(entry, str(report.get("recipe")), frozenset(artifacts))


def _take_champions(store: Store, taken: Snapshot) -> None:
    """Take in what the champions name that one can go back to; older ones keep nothing."""
    histories: defaultdict[str, list[Move]] = defaultdict(list)
    # Listed in the order of their names, so of their numbers.
    for place in taken.inventory.champions:
        try:
            data = store.storage.read(place.path)
            move = parse_entry(data, place.path, store.storage.locate(place.path)) if data is not None else None
        except DamagedArtifactError as error:
            taken.unreadable[place.path] = error.what
            continue
        if move is not None:
            histories[move.language].append(move)
    for language, history in histories.items():
        for move in restorable(history):
            for reference in move.champion.artifacts if move.champion else ():
                address = Address(reference.stage, reference.key[:KEY_IN_ADDRESS])
                taken.champions.setdefault(address, f"{language} {move.number}")


def held_by(store: Store, folder: Folder, now: float) -> tuple[str, Holder | None] | None:
    """Return the file and the holder of a running lease; no holder where it cannot be told; None where none runs."""
    path = running_lease(folder.leases, store.patience.lease, now)
    holder = read_holder(store.storage, path) if path else None
    return None if path is None or (holder and holder.is_gone()) else (path, holder)


def _take_lease(store: Store, folder: Folder, taken: Snapshot) -> None:
    held = held_by(store, folder, taken.now)
    if held is not None:
        path, holder = held
        if holder is None:
            taken.running[folder.address] = "an unknown process"
            taken.unreadable[path] = "not a lease"
            return
        who = str(holder)
        taken.running[folder.address] = who
        taken.in_progress.add(holder.run)
        for stage, key in holder.inputs:
            taken.needed[Address(stage, key[:KEY_IN_ADDRESS])] = who
    elif folder.record is None:
        leases = [entry.path for entry in folder.leases if entry.path.endswith(".json")]
        last = read_holder(store.storage, max(leases)) if leases else None
        if last is not None:
            taken.makers[folder.address] = last.recipe
        committed = last_commit(store.storage, str(folder.address), folder.leases)
        stage, key = folder.address.stage, folder.address.key
        record = store.committed_record(stage, key, committed) if committed else None
        if record is not None:
            taken.unwritten[folder.address] = record


def _moment(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
