"""What lies in a store, told apart by its place alone; what the store did not put there is left alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from saga_core.artifacts.capabilities import FOLDER as PROBES
from saga_core.artifacts.champion import CHAMPIONS
from saga_core.artifacts.events import TRACKING
from saga_core.artifacts.lease import LEASES
from saga_core.artifacts.parallel import in_parallel
from saga_core.artifacts.partial import PARTIAL
from saga_core.artifacts.record import Record, Reference
from saga_core.artifacts.runs import RUNS
from saga_core.artifacts.storage import Entry, Storage
from saga_core.artifacts.store import DAMAGED, KEY_IN_ADDRESS, RECORD, Store
from saga_core.errors import DamagedArtifactError, UserError

_STAGE = r"(?P<stage>[a-z][a-z0-9_]*)"
_IN_FOLDER = re.compile(rf"{_STAGE}/(?P<key>[0-9a-f]{{{KEY_IN_ADDRESS}}})/(?P<rest>.+)", re.DOTALL)
_IS_FOLDER = re.compile(rf"{_STAGE}(/[0-9a-f]{{{KEY_IN_ADDRESS}}})?")
_IN_ATTEMPT = re.compile(r"(?P<attempt>[0-9a-f]{16})/.+", re.DOTALL)
_ASIDE = re.compile(rf"{re.escape(RECORD + DAMAGED)}[0-9a-f]{{8}}")
_LEASE = re.compile(rf"{LEASES}/[0-9]{{8}}\.(json|end)")
_PIECE = re.compile(rf"{PARTIAL}/.+", re.DOTALL)
_RUN = re.compile(rf"{RUNS}/[a-z0-9][a-z0-9._-]*/[0-9A-Za-z.+-]+\.json")
_EVENTS = re.compile(
    rf"{TRACKING}/(?P<recipe>[a-z0-9][a-z0-9._-]*)/{_STAGE}/(?P<key>[0-9a-f]{{{KEY_IN_ADDRESS}}})/[^/]+"
)
_CHAMPION = re.compile(rf"{CHAMPIONS}/[^/]+/[0-9]{{8}}\.json")
# Where the store writes, temporary files included.
_OURS = re.compile(
    rf"({_STAGE}/[0-9a-f]{{{KEY_IN_ADDRESS}}}|{RUNS}/[^/]+|{CHAMPIONS}/[^/]+|{PROBES}/[0-9a-f]{{16}}"
    rf"|{TRACKING}/[^/]+/[^/]+/[0-9a-f]{{{KEY_IN_ADDRESS}}})/.+",
    re.DOTALL,
)
_PROBE = re.compile(rf"{PROBES}/[0-9a-f]{{16}}/[0-9a-z]+")


@dataclass(frozen=True, order=True)
class Address:
    """Where an artifact is: its stage, and as much of its key as its folder's name has."""

    stage: str
    key: str

    @classmethod
    def of(cls, artifact: Record | Reference) -> Address:
        """Return where a record's or a reference's artifact is."""
        return cls(artifact.stage, artifact.key[:KEY_IN_ADDRESS])

    def __str__(self) -> str:
        """Return the folder, relative to the store."""
        return f"{self.stage}/{self.key}"


@dataclass
class Folder:
    """The files of one key.

    Attributes:
        record: ``record.json``.
        aside: Records that were damaged and put aside.
        attempts: Files by attempt.
        leases: Who made it, and how that ended.
        partial: Pieces of what is not finished.
        strange: What the store did not put there.
    """

    address: Address
    record: Entry | None = None
    aside: list[Entry] = field(default_factory=list)
    attempts: dict[str, list[Entry]] = field(default_factory=dict)
    leases: list[Entry] = field(default_factory=list)
    partial: list[Entry] = field(default_factory=list)
    strange: list[Entry] = field(default_factory=list)

    def entries(self) -> list[Entry]:
        """Return all its files but the strange ones."""
        record = [self.record] if self.record else []
        return [
            *record,
            *self.aside,
            *(e for files in self.attempts.values() for e in files),
            *self.leases,
            *self.partial,
        ]

    def take(self, entry: Entry, rest: str) -> None:
        """Take in a file by its path below the folder."""
        if rest == RECORD:
            self.record = entry
        elif _ASIDE.fullmatch(rest):
            self.aside.append(entry)
        elif _LEASE.fullmatch(rest):
            self.leases.append(entry)
        elif _PIECE.fullmatch(rest):
            self.partial.append(entry)
        elif match := _IN_ATTEMPT.fullmatch(rest):
            self.attempts.setdefault(match["attempt"], []).append(entry)
        else:
            self.strange.append(entry)


@dataclass(frozen=True)
class Inventory:
    """The files of a store, each in its place.

    Attributes:
        folders: Artifacts' folders by address.
        runs: Reports of runs.
        champions: Entries of the languages' histories.
        probes: What finding out about the storage left behind.
        links: Symbolic links in the place of a folder.
        events: TensorBoard's event files, by the recipe that was trained and the artifact that came of it.
    """

    folders: dict[Address, Folder] = field(default_factory=dict)
    runs: list[Entry] = field(default_factory=list)
    champions: list[Entry] = field(default_factory=list)
    probes: list[Entry] = field(default_factory=list)
    links: list[Entry] = field(default_factory=list)
    events: dict[tuple[str, Address], list[Entry]] = field(default_factory=dict)


def is_manifest(entry: Entry) -> bool:
    """Say whether a file of the partial work is the manifest of a piece."""
    return entry.path.count("/") == 3 and entry.path.endswith(".json")


def is_ours(path: str) -> bool:
    """Say whether the store writes in such a place."""
    return _OURS.fullmatch(path) is not None


def address_of(path: str) -> Address | None:
    """Return the artifact to whose folder a path belongs, or None."""
    match = _EVENTS.fullmatch(path) or _IN_FOLDER.fullmatch(path)
    return Address(match["stage"], match["key"]) if match else None


def require(storage: Storage) -> None:
    """Refuse a store that is not there, which no command that looks after one should make.

    Raises:
        UserError: There is no such folder.
    """
    root = storage.local("")
    if root is not None and not root.exists():
        raise UserError("no store is here", storage.uri, "correct --store")


def take_inventory(storage: Storage, folders: Collection[str] = ()) -> Inventory:
    """List a store.

    Args:
        storage: The store's.
        folders: Look only below these; default: everywhere.

    Raises:
        UserError: There is no such store.
        StoreError: It cannot be listed.
    """
    require(storage)
    found = Inventory()
    for folder in folders or ("",):
        for entry in storage.files(folder):
            _place(found, entry)
    return found


def _place(found: Inventory, entry: Entry) -> None:
    path = entry.path
    # A recipe's name may look like a key.
    if match := _EVENTS.fullmatch(path):
        address = Address(match["stage"], match["key"])
        found.events.setdefault((match["recipe"], address), []).append(entry)
    elif match := _IN_FOLDER.fullmatch(path):
        address = Address(match["stage"], match["key"])
        found.folders.setdefault(address, Folder(address)).take(entry, match["rest"])
    elif _RUN.fullmatch(path):
        found.runs.append(entry)
    elif _CHAMPION.fullmatch(path):
        found.champions.append(entry)
    elif _PROBE.fullmatch(path):
        found.probes.append(entry)
    elif entry.link and (_IS_FOLDER.fullmatch(path) or path.startswith((f"{RUNS}/", f"{CHAMPIONS}/"))):
        found.links.append(entry)


def read_records(
    store: Store, folders: Iterable[Folder], known: Mapping[Entry, Record] | None = None
) -> tuple[dict[Entry, Record], dict[Entry, DamagedArtifactError]]:
    """Read the records of folders.

    Args:
        store: The store.
        folders: The folders; those without a record are passed over, and so is a record that has gone meanwhile.
        known: Records that were read before; a file that has not changed since is not read again.

    Returns:
        The records, and what is wrong with those that are none, each by its file.

    Raises:
        StoreError: The store cannot be read.
    """

    def read(entry: Entry) -> Record | DamagedArtifactError | None:
        if known and entry in known:
            return known[entry]
        try:
            return store.read_record(entry.path)
        except DamagedArtifactError as error:
            return error

    entries = [folder.record for folder in folders if folder.record is not None]
    records, unreadable = {}, {}
    for entry, result in zip(entries, in_parallel(read, entries), strict=True):
        if isinstance(result, Record):
            records[entry] = result
        elif result is not None:
            unreadable[entry] = result
    return records, unreadable
