"""What may go: artifacts that nothing keeps, and what unfinished work left behind. Nothing is removed here.

An artifact is kept by a running lease, by a champion that one can go back to, by its age, by another recipe's name, and
by whatever is kept and was made from it. What cannot be read may refer to anything: while there is such a file, every
artifact is kept.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from saga_core.artifacts.inventory import Address, Folder, address_of
from saga_core.artifacts.record import Record
from saga_core.artifacts.snapshot import Snapshot, attempts_named, inputs_of
from saga_core.artifacts.storage import Entry, Unfinished


class Kind(StrEnum):
    """What is removed."""

    ARTIFACT = "artifact"
    ATTEMPT = "orphaned attempt"
    PIECES = "partial work"
    ASIDE = "damaged record"
    LEASE = "old lease"
    WRITE = "unfinished write"
    PROBE = "probe"
    RUN = "run report"
    EVENTS = "training curves"


class Why(StrEnum):
    """Why an artifact is kept."""

    LEASE = "needed by a run in progress"
    CHAMPION = "named by a champion"
    AGE = "used lately"
    RECIPE = "of another recipe"
    REFERENCE = "needed by what is kept"
    UNREADABLE = "perhaps needed by what cannot be read"


@dataclass(frozen=True)
class Item:
    """Something that is removed in one piece.

    Attributes:
        kind: What it is.
        entries: Its files.
        address: Where it belongs, or None.
        unfinished: The write, where it is one.
    """

    kind: Kind
    entries: tuple[Entry, ...]
    address: Address | None = None
    unfinished: Unfinished | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return self.unfinished.size if self.unfinished else sum(entry.size for entry in self.entries)

    @property
    def files(self) -> int:
        """Number of files."""
        return 1 if self.unfinished else len(self.entries)


@dataclass(frozen=True)
class Terms:
    """What may be removed at all.

    Attributes:
        age: What was used in so many seconds is kept.
        recipe: Only what this recipe made may go; None for all.
    """

    age: float
    recipe: str | None = None


@dataclass(frozen=True)
class Plan:
    """What goes and what stays.

    Attributes:
        artifacts: The artifacts that go, in the order in which they must: none before what was made from it.
        leftovers: What else goes, in order.
        kept: Why each other artifact stays.
    """

    artifacts: dict[Address, Item]
    leftovers: tuple[Item, ...]
    kept: dict[Address, Why]

    @property
    def items(self) -> list[Item]:
        """All that goes."""
        return [*self.artifacts.values(), *self.leftovers]


def plan_removal(snapshot: Snapshot, terms: Terms) -> Plan:
    """Decide what of a store may be removed."""
    kept = _keep(snapshot, terms)
    named = attempts_named(record for address, record in snapshot.records.items() if address in kept)
    going = {address: record for address, record in snapshot.records.items() if address not in kept}
    artifacts = {address: _artifact(snapshot, address) for address in _in_order(going)}
    leftovers: list[Item] = []
    for folder in snapshot.inventory.folders.values():
        leftovers += _leftovers(snapshot, terms, folder, named)
    leftovers += _events(snapshot, terms, kept)
    if terms.recipe is None:
        leftovers += _strays(snapshot, terms)
    for run in snapshot.runs:
        of_it = terms.recipe in (None, run.recipe)
        if of_it and not run.artifacts & kept.keys() and _is_old(snapshot, terms, [run.entry]):
            leftovers.append(Item(Kind.RUN, (run.entry,)))
    return Plan(artifacts, tuple(leftovers), kept)


def _artifact(snapshot: Snapshot, address: Address) -> Item:
    folder, record = snapshot.inventory.folders[address], snapshot.records[address]
    place = [folder.record] if folder.record else []
    return Item(Kind.ARTIFACT, (*place, *folder.attempts.get(record.attempt, []), *folder.leases), address)


def _keep(snapshot: Snapshot, terms: Terms) -> dict[Address, Why]:
    kept: dict[Address, Why] = {}
    for address, record in snapshot.records.items():
        if address in snapshot.running or address in snapshot.needed:
            kept[address] = Why.LEASE
        elif address in snapshot.champions:
            kept[address] = Why.CHAMPION
        elif snapshot.now - snapshot.uses[address] < terms.age:
            kept[address] = Why.AGE
        elif terms.recipe not in (None, record.recipe):
            kept[address] = Why.RECIPE
    waiting = [*kept, *snapshot.running, *snapshot.needed, *snapshot.champions, *snapshot.unwritten]
    records = snapshot.records | snapshot.unwritten
    while waiting:
        for address in inputs_of(records.get(waiting.pop())):
            if address in snapshot.records and address not in kept:
                kept[address] = Why.REFERENCE
                waiting.append(address)
    if snapshot.unreadable:
        kept = dict.fromkeys(snapshot.records, Why.UNREADABLE) | kept
    return kept


def _in_order(records: dict[Address, Record]) -> list[Address]:
    """Order artifacts so that none comes before what was made from it."""
    users = dict.fromkeys(records, 0)
    inputs = {address: [i for i in inputs_of(record) if i in records] for address, record in records.items()}
    for address in chain.from_iterable(inputs.values()):
        users[address] += 1
    ready = sorted(address for address, count in users.items() if count == 0)
    order = []
    while ready:
        address = ready.pop()
        order.append(address)
        for needed in inputs[address]:
            users[needed] -= 1
            if users[needed] == 0:
                ready.append(needed)
    # What refers to itself in a circle was forged: one order is as good as another.
    return order + sorted(records.keys() - set(order))


def _leftovers(snapshot: Snapshot, terms: Terms, folder: Folder, named: set[tuple[Address, str]]) -> Iterator[Item]:
    """Yield what is left in an artifact's folder beside the artifact."""
    address = folder.address
    record = snapshot.records.get(address)
    maker = record.recipe if record else snapshot.makers.get(address)
    if address in snapshot.running or address in snapshot.unwritten or terms.recipe not in (None, maker):
        return
    own = record.attempt if record else None
    orphans = [files for name, files in folder.attempts.items() if name != own and (address, name) not in named]
    if snapshot.unreadable:
        # What cannot be read may name any attempt.
        orphans.clear()
    parts = [
        *((Kind.ATTEMPT, files) for files in orphans),
        (Kind.PIECES, folder.partial),
        (Kind.ASIDE, folder.aside),
    ]
    if folder.record is not None:
        yield from _items([(kind, files) for kind, files in parts if _is_old(snapshot, terms, files)], address)
    elif _is_old(snapshot, terms, folder.entries()) and len(orphans) == len(folder.attempts):
        # Unfinished work is of one age. Its leases go first, so that nobody commits what goes after them.
        yield from _items([(Kind.LEASE, folder.leases), *parts], address)


def _items(parts: Sequence[tuple[Kind, Sequence[Entry]]], address: Address | None) -> Iterator[Item]:
    return (Item(kind, tuple(files), address) for kind, files in parts if files)


def _strays(snapshot: Snapshot, terms: Terms) -> Iterator[Item]:
    """Yield what belongs to no artifact, or to none yet."""
    probes: dict[str, list[Entry]] = {}
    for entry in snapshot.inventory.probes:
        probes.setdefault(entry.path.rpartition("/")[0], []).append(entry)
    yield from _items([(Kind.PROBE, files) for files in probes.values() if _is_old(snapshot, terms, files)], None)
    for write in snapshot.unfinished:
        address = address_of(write.path)
        if address not in snapshot.running and _is_old(snapshot, terms, [write]):
            yield Item(Kind.WRITE, (), address, write)


def _events(snapshot: Snapshot, terms: Terms, kept: Container[Address]) -> Iterator[Item]:
    """Yield the curves of trainings whose artifact is gone or goes, and which nobody goes on with."""
    for (recipe, address), files in snapshot.inventory.events.items():
        folder = snapshot.inventory.folders.get(address, Folder(address))
        unknown = folder.record is not None and address not in snapshot.records
        busy = address in kept or address in snapshot.running or address in snapshot.unwritten
        # Without a record, what is unfinished is of one age, and its curves with it.
        unfinished = folder.entries() if folder.record is None else []
        of_it = terms.recipe in (None, recipe)
        if of_it and not busy and not unknown and _is_old(snapshot, terms, [*files, *unfinished]):
            yield Item(Kind.EVENTS, tuple(files), address)


def _is_old(snapshot: Snapshot, terms: Terms, files: Sequence[Entry | Unfinished]) -> bool:
    return snapshot.now - max((file.modified for file in files), default=0.0) >= terms.age
