"""Is what is stored what was recorded? Every file is listed, measured and hashed; nothing is taken on trust.

A store may be verified while runs go on: what looks damaged is looked at once more before it is named.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path

from saga_core.artifacts.champion import parse_entry
from saga_core.artifacts.holder import Holder
from saga_core.artifacts.inventory import Address, Folder, is_manifest, take_inventory
from saga_core.artifacts.lease import Standing
from saga_core.artifacts.parallel import in_parallel
from saga_core.artifacts.record import FileEntry, Record, parse_manifest
from saga_core.artifacts.storage import Entry
from saga_core.artifacts.store import Store
from saga_core.artifacts.transfer import download
from saga_core.errors import DamagedArtifactError, StoreError
from saga_core.progress import progress

_HASHED_AT_ONCE = 4
_MB = 1_000_000

_LINK = "a symbolic link is not followed"
# It belongs to no artifact, so that there is nothing to make again.
_STRAY_LINK = f"{_LINK}; remove it"


@dataclass(frozen=True, order=True)
class Finding:
    """Something that is damaged.

    Attributes:
        file: Full path or URI.
        what: What is wrong with it.
        address: The artifact's, or None where it belongs to none.
        piece: Name of the piece of unfinished work that it belongs to, or None.
    """

    file: str
    what: str
    address: Address | None = None
    piece: str | None = None


@dataclass(frozen=True)
class Check:
    """A file that is there and has the right size, and remains to be hashed."""

    address: Address
    prefix: str
    entry: FileEntry
    piece: str | None


@dataclass
class Survey:
    """What a listing, the records and the manifests say of a store.

    Attributes:
        artifacts: Number of readable records.
        pieces: Number of complete pieces of unfinished work.
        findings: What is damaged as far as that shows without hashing.
        checks: What remains to be hashed.
        orphans: Files that no record and no manifest names.
    """

    artifacts: int = 0
    pieces: int = 0
    findings: list[Finding] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    orphans: list[Entry] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """What remains to be hashed."""
        return sum(check.entry.size for check in self.checks)

    def take(self, other: Survey) -> None:
        """Take in what was found elsewhere."""
        self.artifacts += other.artifacts
        self.pieces += other.pieces
        self.findings += other.findings
        self.checks += other.checks
        self.orphans += other.orphans

    def compare(
        self,
        store: Store,
        address: Address,
        prefix: str,
        found: Sequence[Entry],
        files: Sequence[FileEntry],
        piece: str | None,
    ) -> None:
        """Take in how a folder's listing differs from what should be there."""
        there = {entry.path: entry for entry in found}
        for file in files:
            path = f"{prefix}/{file.path}"
            entry = there.pop(path, None)
            if entry is None:
                what = "the file is missing"
            elif entry.link:
                what = _LINK
            elif entry.size != file.size:
                what = f"the file has {entry.size:,} bytes, not {file.size:,}"
            else:
                self.checks.append(Check(address, prefix, file, piece))
                continue
            self.findings.append(Finding(store.storage.locate(path), what, address, piece))
        for path, entry in there.items():
            what = _LINK if entry.link else "the file is not in its record"
            self.findings.append(Finding(store.storage.locate(path), what, address, piece))


def survey(store: Store, stages: Collection[str] = ()) -> Survey:
    """List a store and read its records.

    Args:
        store: The store.
        stages: Look only at these; default: at all, and at the reports of runs and at champions too.

    Raises:
        StoreError: The store cannot be read; an outage is no damage.
    """
    inventory = take_inventory(store.storage, stages)
    found = Survey(findings=[Finding(store.storage.locate(entry.path), _STRAY_LINK) for entry in inventory.links])
    for part in in_parallel(partial(_look_into, store), list(inventory.folders.values())):
        found.take(part)
    for finding in in_parallel(partial(_check_run, store), inventory.runs):
        found.findings += finding
    for finding in in_parallel(partial(_check_champion, store), inventory.champions):
        found.findings += finding
    return found


def verify(store: Store, surveyed: Survey) -> Iterator[Finding]:
    """Yield everything that is damaged, hashing what a survey left to be hashed.

    Raises:
        StoreError: The store cannot be read; an outage is no damage.
    """
    yield from (finding for finding in surveyed.findings if _is_so_still(store, finding))
    total, done, shown = -(-surveyed.bytes // _MB), 0, 0
    with progress("verifying", total, "MB") as tick:
        problems = in_parallel(partial(_hash, store), surveyed.checks, _HASHED_AT_ONCE)
        for check, problem in zip(surveyed.checks, problems, strict=True):
            done += check.entry.size
            now = total if done == surveyed.bytes else done // _MB
            tick(now - shown)
            shown = now
            if problem is not None and _is_so_still(store, problem):
                yield problem


def put_aside(store: Store, findings: Iterable[Finding]) -> Iterator[tuple[Address, str]]:
    """Put the records of damaged artifacts aside, so that the next run makes them again, and drop damaged pieces.

    Yields:
        The artifact, and what became of it.
    """
    damaged = sorted((f for f in findings if f.address is not None), key=lambda finding: str(finding.address))
    for address, group in groupby(damaged, key=lambda finding: finding.address):
        if address is None:
            continue
        try:
            yield address, _put_aside(store, address, list(group))
        except DamagedArtifactError as error:
            yield address, f"left as it is: {error}"


def _put_aside(store: Store, address: Address, findings: list[Finding]) -> str:
    folder = take_inventory(store.storage, [str(address)]).folders.get(address)
    # Without a record there may be a commit whose writer did not live to write it: that comes first.
    redo = folder is not None and folder.record is not None
    lease = store.claim(address.stage, address.key, Holder.this("saga verify"), redo=redo)
    if isinstance(lease, Standing):
        return f"left as it is: being made by {lease}"
    if isinstance(lease, Record):
        return "its record was not written yet, and is in place now"
    try:
        # Under the lease nobody mends it; but somebody may have, a moment ago.
        still = [finding for finding in findings if _is_so_still(store, finding)]
        done = []
        pieces = store.partial(address.stage, address.key, lease)
        for piece in sorted({finding.piece for finding in still if finding.piece is not None}):
            pieces.drop(piece)
            done.append(f"dropped the piece {piece}")
        if redo and any(finding.piece is None for finding in still):
            done.append(f"record kept as {store.set_aside(address.stage, address.key, lease).rsplit('/', 1)[-1]}")
        return ", ".join(done) or "left as it is: mended meanwhile"
    finally:
        if lease is not None:
            lease.release()


def _look_into(store: Store, folder: Folder) -> Survey:
    found, storage = Survey(), store.storage
    found.findings += [Finding(storage.locate(entry.path), _STRAY_LINK) for entry in folder.strange if entry.link]
    attempts = dict(folder.attempts)
    if folder.record is not None:
        try:
            record = store.read_record(folder.record.path)
        except DamagedArtifactError as error:
            found.findings.append(Finding(storage.locate(folder.record.path), error.what, folder.address))
            # Nobody knows which attempt it names.
            attempts.clear()
        else:
            if record is not None:
                found.artifacts = 1
                prefix = f"{folder.address}/{record.attempt}"
                files = attempts.pop(record.attempt, [])
                found.compare(store, folder.address, prefix, files, record.files, None)
    found.orphans += [entry for files in attempts.values() for entry in files]
    _look_at_pieces(store, folder, found)
    return found


def _look_at_pieces(store: Store, folder: Folder, found: Survey) -> None:
    storage, rest = store.storage, {entry.path: entry for entry in folder.partial}
    for place in filter(is_manifest, folder.partial):
        del rest[place.path]
        stem = place.path.removesuffix(".json")
        name = stem.rsplit("/", 1)[-1]
        try:
            data = store.storage.read(place.path)
            manifest = parse_manifest(data, stem, storage.locate(place.path)) if data is not None else None
        except DamagedArtifactError as error:
            found.findings.append(Finding(storage.locate(place.path), error.what, folder.address, name))
            continue
        if manifest is not None:
            found.pieces += 1
            prefix = f"{stem}/{manifest.attempt}"
            files = [rest.pop(path) for path in list(rest) if path.startswith(f"{prefix}/")]
            found.compare(store, folder.address, prefix, files, manifest.files, name)
    found.orphans += rest.values()


def _check_run(store: Store, place: Entry) -> list[Finding]:
    try:
        store.runs.read(place.path)
    except DamagedArtifactError as error:
        return [Finding(store.storage.locate(place.path), error.what)]
    return []


def _check_champion(store: Store, place: Entry) -> list[Finding]:
    try:
        data = store.storage.read(place.path)
        if data is not None:
            parse_entry(data, place.path, store.storage.locate(place.path))
    except DamagedArtifactError as error:
        return [Finding(store.storage.locate(place.path), error.what)]
    return []


def _hash(store: Store, check: Check) -> Finding | None:
    """Hash one file; from other storage it is streamed into a temporary one."""
    file = store.storage.locate(f"{check.prefix}/{check.entry.path}")
    try:
        with tempfile.TemporaryDirectory(prefix="saga-") as fresh:
            download(store.storage, check.prefix, [check.entry], Path(fresh))
    except (DamagedArtifactError, FileNotFoundError) as error:
        what = error.what if isinstance(error, DamagedArtifactError) else "the file is missing"
        return Finding(file, what, check.address, check.piece)
    except OSError as error:
        remedy = "check the store, then run the same command again"
        raise StoreError(f"cannot read: {error.strerror}", file, remedy) from error
    return None


def _is_so_still(store: Store, finding: Finding) -> bool:
    """Look once more: a run may have removed or replaced what was being looked at."""
    if finding.address is None:
        return True
    folder = take_inventory(store.storage, [str(finding.address)]).folders.get(finding.address)
    if folder is None:
        return False
    found = _look_into(store, folder)
    if finding in found.findings:
        return True
    again = (c for c in found.checks if store.storage.locate(f"{c.prefix}/{c.entry.path}") == finding.file)
    return any(_hash(store, check) == finding for check in again)
