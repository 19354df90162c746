"""The store: the one authority on what is cached. Payload first, record last.

Layout below the store's URI::

    STAGE/KEY/ATTEMPT/...       the files of one writer
    STAGE/KEY/record.json       names the attempt that counts; created only once
    STAGE/KEY/lease/...         who is making it, and how that ended: ``saga_core.artifacts.lease``
    STAGE/KEY/partial/...       pieces of what is not finished: ``saga_core.artifacts.partial``
    runs/RUN/TIME.json          what a run referred to: ``saga_core.artifacts.runs``
    champions/LANGUAGE/N.json   who is a language's champion: ``saga_core.artifacts.champion``
    tracking/RECIPE/STAGE/KEY/  a training's curves: ``saga_core.artifacts.events``

Each writer has an attempt folder of its own, so two writers never mix files; the first record wins.
"""

from __future__ import annotations

import functools
import json
import secrets
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from saga_core.artifacts.cache import artifact_cache, mark_used, piece_cache
from saga_core.artifacts.capabilities import Capabilities, probe
from saga_core.artifacts.holder import Holder
from saga_core.artifacts.lease import Committed, Lease, Standing, Waiting, acquire, check_held
from saga_core.artifacts.local_storage import storage_failure
from saga_core.artifacts.partial import Partial
from saga_core.artifacts.record import Record, Reference, parse_record
from saga_core.artifacts.runs import Runs
from saga_core.artifacts.storage import JSON_LIMIT, Entry, Patience, Storage, open_storage
from saga_core.artifacts.transfer import compare, download, upload
from saga_core.errors import DamagedArtifactError, LeaseLostError, SagaError, StoreError

RECORD = "record.json"
DAMAGED = ".damaged-"

# 128 bits and more in an address are beyond collision; shorter paths stay readable.
KEY_IN_ADDRESS = 32

_READS = 4
_LOOKS = 3


class Store:
    """Artifacts below one URI.

    Args:
        uri: A folder or any URI that fsspec opens.
        patience: How long an outage, and another process's lease, is waited for; default: as the environment says.

    Raises:
        UserError: The URI names no storage that can be opened.
    """

    def __init__(self, uri: str, patience: Patience | None = None) -> None:
        self.patience = patience or Patience.of_environment()
        self.storage: Storage = open_storage(uri, self.patience)
        self.uri = self.storage.uri
        self.runs = Runs(self.storage)
        self._known: dict[tuple[str, str], Record] = {}
        self._waiting = Waiting(self.patience.lease)
        # Attempts whose lease may have ended with them: a record may name them, whatever happened since.
        self._committed: set[str] = set()

    @functools.cached_property
    def capabilities(self) -> Capabilities:
        """What the storage can do; found out at the first call, by writing and removing a few small files."""
        return probe(self.storage)

    def find(self, stage: str, key: str) -> Record | None:
        """Return the record of an artifact, or None where there is none; a record seen before is not read again.

        Raises:
            StoreError: The store cannot be read; an outage is not a miss.
            DamagedArtifactError: There is a record, but it is not one of this key.
        """
        return self._known.get((stage, key)) or self._find(stage, key)

    def look(self, stage: str, key: str) -> tuple[Record, str | None] | None:
        """Look an artifact up, with its files.

        All files are listed at once. One that was written after its record is not the one that was recorded, whatever
        its size, or was copied: it is hashed.

        Returns:
            The record, and what is damaged, if anything; None where there is no record.

        Raises:
            StoreError: The store cannot be read.
            DamagedArtifactError: There is a record, but it is not one of this key.
        """
        for left in reversed(range(_LOOKS)):
            found = self._look(stage, key)
            if found is None or found[1] is None or not left:
                break
            # Between the listing and the record another process may have put its own in place.
            if self.read_record(self._record_path(stage, key)) == found[0]:
                break
        return found

    def _look(self, stage: str, key: str) -> tuple[Record, str | None] | None:
        self._known.pop((stage, key), None)
        folder = self.folder(stage, key)
        entries = {entry.path: entry for entry in self.storage.files(folder)}
        place = entries.get(f"{folder}/{RECORD}")
        if place is None:
            return None
        if place.size > JSON_LIMIT:
            raise DamagedArtifactError(f"a record of {place.size:,} bytes is none", self.storage.locate(place.path))
        record = self._find(stage, key)
        if record is None:
            return None
        wrong = compare(list(entries.values()), f"{folder}/{record.attempt}", record.files)
        return record, next(iter(wrong.values()), None) or self._check_later_files(record, place, entries)

    def set_aside(self, stage: str, key: str, lease: Lease | None) -> str:
        """Rename a damaged artifact's record so that the stage can be made again; return the new name.

        Args:
            stage: The stage.
            key: Its key.
            lease: Under which it was found damaged; None where the storage has none.

        Raises:
            LeaseLostError: Another process has taken over, and perhaps made it again.
        """
        self._known.pop((stage, key), None)
        path = self._record_path(stage, key)
        aside = f"{path}{DAMAGED}{secrets.token_hex(4)}"
        if lease is not None and not lease.is_newest():
            raise LeaseLostError("another process has taken over", self.storage.locate(path))
        self.storage.move(path, aside)
        return self.storage.locate(aside)

    def records(self, stage: str, newest: int | None = None) -> list[Record]:
        """Return the records of a stage, newest first; unreadable ones are left out.

        Args:
            stage: The stage.
            newest: Read at most so many.
        """
        places = [entry for entry in self.storage.files(stage) if entry.path.endswith(f"/{RECORD}")]
        places = sorted(places, key=lambda entry: entry.modified, reverse=True)[:newest]
        found = []
        for place in places:
            # A neighbour's damage is no reason to refuse; look() tells when it matters.
            with suppress(DamagedArtifactError):
                found.append(self.read_record(place.path))
        return sorted((r for r in found if r is not None), key=lambda record: record.created, reverse=True)

    def reference(self, record: Record) -> Reference:
        """Return the reference that other stages are handed."""
        uri = self.attempt_uri(record.stage, record.key, record.attempt)
        return Reference(stage=record.stage, key=record.key, digest=record.digest, uri=uri)

    def attempt_uri(self, stage: str, key: str, attempt: str) -> str:
        """Return where the files of an attempt are, or will be once it is committed."""
        return self.storage.locate(f"{self.folder(stage, key)}/{attempt}")

    def claim(
        self, stage: str, key: str, holder: Holder, *, redo: bool = False, present: Record | None = None
    ) -> Lease | Standing | Record | None:
        """Take the lease of an artifact that is to be made.

        Args:
            stage: The stage.
            key: Its key.
            holder: This process.
            redo: It is made although it is there, or because it is damaged.
            present: The sound artifact that is made again, or None.

        Returns:
            The lease; or who holds it; or the record that the last holder committed, and which is in place now; None
            where the storage has no conditional writes, so no leases.
        """
        if not self.capabilities.conditional_writes:
            return None
        folder, attempt = self.folder(stage, key), present.attempt if present else None
        for _ in range(_READS):
            got = acquire(self.storage, folder, holder, self._waiting, redo=redo, present=attempt)
            if not isinstance(got, Committed):
                return got
            # The last writer committed, and died before its record was in place.
            record = self.committed_record(stage, key, got.record)
            if record is not None and not (redo and self._missing(record)):
                return self.finish(record, replace=redo)
        return self.claim(stage, key, holder, redo=True)

    def committed_record(self, stage: str, key: str, committed: dict[str, Any]) -> Record | None:
        """Return the record with which a lease ended, or None where it is none of this key.

        Args:
            stage: The stage.
            key: Its key, or as much of it as its folder's name has.
            committed: The record, as JSON.
        """
        try:
            return self._checked(self._record_path(stage, key), json.dumps(committed).encode())
        except DamagedArtifactError:
            return None

    def finish(self, record: Record, *, replace: bool = False) -> Record:
        """Put a record in place that its writer committed and did not live to write; return the one that counts."""
        return self._put_record(record, replace=replace)

    @contextmanager
    def attempt(self, stage: str, key: str) -> Iterator[tuple[str, Path]]:
        """Give a writer a folder of its own; what is left there without a record does not count.

        Yields:
            The attempt's name and a local folder to write into.
        """
        name = secrets.token_hex(8)
        folder = self.storage.local(f"{self.folder(stage, key)}/{name}")
        if folder is None:
            with tempfile.TemporaryDirectory(prefix="saga-") as temporary:
                yield name, Path(temporary)
            return
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise storage_failure(error, self.uri) from error
        try:
            yield name, folder
        except BaseException:
            # A half artifact is of no use to anyone once its writer has stopped; its pieces are kept elsewhere.
            if name not in self._committed:
                shutil.rmtree(folder, ignore_errors=True)
            raise

    def partial(self, stage: str, key: str, lease: Lease | int | None) -> Partial:
        """Return the pieces of an artifact that is being made.

        Args:
            stage: The stage.
            key: Its key.
            lease: Under which they are written: this process's, or by its number that of the process it works for; None
                where the storage has none.
        """
        folder = self.folder(stage, key)
        held = functools.partial(check_held, self.storage, folder, lease) if isinstance(lease, int) else None
        check = lease.check if isinstance(lease, Lease) else held
        return Partial(self.storage, folder, piece_cache(), check)

    def drop_old_pieces(self, stage: str, key: str) -> None:
        """Remove the pieces that an artifact was made from, if it is there and they still are."""
        path = self._record_path(stage, key)
        entries = self.storage.files(self.folder(stage, key))
        if written := [entry.modified for entry in entries if entry.path == path]:
            self.partial(stage, key, None).clear(written[0])

    def commit(self, record: Record, folder: Path, lease: Lease | None, *, replace: bool = False) -> Record:
        """Publish an attempt: its files, then the end of the lease, then the record, created only if there is none.

        Args:
            record: Describes the files in ``folder``.
            folder: The folder that ``attempt`` gave.
            lease: The lease under which it was made; None where the storage has none.
            replace: Put this record in place of an existing one (a refresh).

        Returns:
            The record that counts: this one, or that of a writer who came first.

        Raises:
            LeaseLostError: Another process has taken over; nothing was recorded.
        """
        prefix = f"{self.folder(record.stage, record.key)}/{record.attempt}"
        try:
            upload(self.storage, folder, prefix, record.files)
            self._committed.add(record.attempt)
            if lease is not None:
                lease.commit(record.model_dump(mode="json"))
        except LeaseLostError:
            self._discard(record, folder)
            raise
        winner = self._put_record(record, replace=replace and (lease is None or lease.is_newest()))
        if winner.attempt != record.attempt:
            self._discard(record, folder)
        return winner

    def fetch(self, reference: Reference, only: Collection[str] | None = None) -> Path:
        """Return a local folder with an artifact's files, each one checked against its digest.

        Args:
            reference: The artifact.
            only: Paths of the files that are wanted; None for all.

        Raises:
            DamagedArtifactError: A file is missing or differs from its record.
        """
        record = self.find(reference.stage, reference.key)
        if record is None:
            raise DamagedArtifactError("the artifact has no record", reference.uri, "run the same command again")
        if record.digest != reference.digest:
            raise DamagedArtifactError("it was made again meanwhile, and came out otherwise", reference.uri)
        prefix = f"{self.folder(record.stage, record.key)}/{record.attempt}"
        wanted = [file for file in record.files if only is None or file.path in only]
        folder = download(self.storage, prefix, wanted, artifact_cache() / record.digest)
        if self.storage.local(prefix) is None:
            mark_used(folder)
        return folder

    def folder(self, stage: str, key: str) -> str:
        """Return the folder of an artifact, relative to the store."""
        return f"{stage}/{key[:KEY_IN_ADDRESS]}"

    def read_record(self, path: str) -> Record | None:
        """Return the record in a file, or None where there is no file.

        Raises:
            DamagedArtifactError: The file holds no record, or one of another place or key.
        """
        for left in reversed(range(_READS)):
            data = self.storage.read(path)
            try:
                return self._checked(path, data) if data is not None else None
            except DamagedArtifactError:
                # A connection may spoil what the storage holds whole.
                if not left:
                    raise
        return None

    def _checked(self, path: str, data: bytes) -> Record:
        record = parse_record(data, self.storage.locate(path))
        if not path.startswith(f"{self.folder(record.stage, record.key)}/"):
            raise DamagedArtifactError("the record claims another key", self.storage.locate(path))
        return record

    def _find(self, stage: str, key: str) -> Record | None:
        path = self._record_path(stage, key)
        record = self.read_record(path)
        if record is not None:
            if (record.stage, record.key) != (stage, key):
                raise DamagedArtifactError("the record claims another key", self.storage.locate(path))
            self._known[(stage, key)] = record
        return record

    def _missing(self, record: Record) -> dict[str, str]:
        """Return the files of a record that are not there as it says, and how they differ."""
        prefix = f"{self.folder(record.stage, record.key)}/{record.attempt}"
        return compare(self.storage.files(prefix), prefix, record.files)

    def _check_later_files(self, record: Record, place: Entry, entries: dict[str, Entry]) -> str | None:
        prefix = f"{self.folder(record.stage, record.key)}/{record.attempt}"
        later = [f for f in record.files if entries[f"{prefix}/{f.path}"].modified > place.modified]
        if not later:
            return None
        try:
            with tempfile.TemporaryDirectory(prefix="saga-") as fresh:
                download(self.storage, prefix, later, Path(fresh))
        except DamagedArtifactError as error:
            return f"{error.where.rsplit('/', 1)[-1]}: {error.what}"
        self._write_again(record, place.path)
        return None

    def _write_again(self, record: Record, path: str) -> None:
        """Make a record the newest file of a copied store, so that the next look is a listing again."""
        with suppress(SagaError):
            # Under the lease, so that it takes the place of nobody's.
            lease = self.claim(record.stage, record.key, Holder.this(record.recipe), redo=True, present=record)
            if not isinstance(lease, Lease):
                return
            try:
                if self.read_record(path) == record:
                    self.storage.write(path, record.model_dump_json(indent=1).encode())
            finally:
                lease.release()

    def _put_record(self, record: Record, *, replace: bool) -> Record:
        path, data = self._record_path(record.stage, record.key), record.model_dump_json(indent=1).encode()
        if replace:
            self.storage.write(path, data)
        elif self.capabilities.conditional_writes:
            self.storage.create(path, data)
        elif self.storage.read(path) is None:
            # Two such writers may pass here at once: each record is whole, and the one that is there counts.
            self.storage.write(path, data)
        winner = self._find(record.stage, record.key)
        if winner is None:
            raise StoreError("the record is not there", self.storage.locate(path), "run the same command again")
        return winner

    def _discard(self, record: Record, folder: Path) -> None:
        prefix = f"{self.folder(record.stage, record.key)}/{record.attempt}"
        # What stays is an orphan that `saga gc` finds.
        with suppress(SagaError):
            self.storage.remove([entry.path for entry in self.storage.files(prefix)])
        shutil.rmtree(folder, ignore_errors=True)

    def _record_path(self, stage: str, key: str) -> str:
        return f"{self.folder(stage, key)}/{RECORD}"
