"""The pieces of an artifact that is not finished yet: shards of rows, checkpoints of a training.

They lie below the artifact's folder, so under its key, and whoever goes on with the same work on another machine finds
them::

    partial/NAME/ATTEMPT/...    the files of one writer
    partial/NAME.json           names the attempt and every file; written last, so a piece is complete or not there
"""

from __future__ import annotations

import math
import secrets
import shutil
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from saga_core.artifacts.cache import mark_used
from saga_core.artifacts.record import Manifest, parse_manifest
from saga_core.artifacts.storage import Storage
from saga_core.artifacts.transfer import describe, download, upload
from saga_core.errors import DamagedArtifactError, SagaError
from saga_core.telling import tell

PARTIAL = "partial"

_READS = 3


class Partial:
    """The pieces of one unfinished artifact.

    Args:
        storage: Where they are kept.
        folder: The artifact's folder.
        cache: Local folder for copies of pieces.
        check: Called before a piece is written; raises when the work has been taken over by another process; None where
            nobody can.
    """

    def __init__(self, storage: Storage, folder: str, cache: Path, check: Callable[[], None] | None) -> None:
        self._storage, self._cache = storage, cache
        self._check = check or _nothing
        self._folder = f"{folder}/{PARTIAL}"
        self.uri = storage.locate(self._folder)
        self._places: dict[Path, str] = {}

    def names(self) -> list[str]:
        """Return the names of the complete pieces, sorted."""
        paths = [entry.path.removeprefix(f"{self._folder}/") for entry in self._storage.files(self._folder)]
        return sorted(path.removesuffix(".json") for path in paths if path.endswith(".json") and "/" not in path)

    def fetch(self, name: str, files: Collection[str] | None = None) -> Path | None:
        """Return a local folder with a piece's files, each one checked, or None where there is no such piece.

        A piece that is damaged is removed: what it held is made again.

        Args:
            name: Name of the piece.
            files: What it must hold, or None for anything.

        Raises:
            StoreError: The storage cannot be read.
        """
        for _ in range(_READS):
            try:
                data = self._storage.read(f"{self._folder}/{name}.json")
                if data is None:
                    return None
                manifest = parse_manifest(data, f"{self._folder}/{name}", self._storage.locate(self._folder))
                if files is not None and {file.path for file in manifest.files} != set(files):
                    break
                prefix = f"{self._folder}/{name}/{manifest.attempt}"
                folder = download(self._storage, prefix, manifest.files, self._cache / manifest.attempt)
                self._places[folder] = self._storage.locate(prefix)
                if self._storage.local(prefix) is None:
                    mark_used(folder)
                return folder
            except DamagedArtifactError:
                # A connection may spoil what the storage holds whole.
                continue
        tell(f"  {self.uri}/{name}: damaged, so it is made again")
        self._check()
        self.drop(name)
        return None

    def locate(self, folder: Path) -> str:
        """Return where the files are kept that ``fetch`` gave a local folder of."""
        return self._places.get(folder, str(folder))

    def keep(self, name: str, folder: Path) -> None:
        """Keep a folder as a piece: its files first, then the manifest.

        Args:
            name: Name of the piece; it takes the place of one of that name.
            folder: Local folder; it may go afterwards.

        Raises:
            LeaseLostError: Another process has taken over this work.
            StoreError: The storage cannot be written.
        """
        self._check()
        attempt, files = secrets.token_hex(8), describe(folder)
        upload(self._storage, folder, f"{self._folder}/{name}/{attempt}", files)
        created = datetime.now(UTC).isoformat(timespec="seconds")
        manifest = Manifest(piece=f"{self._folder}/{name}", attempt=attempt, files=files, created=created)
        self._storage.write(f"{self._folder}/{name}.json", manifest.model_dump_json().encode())

    def drop(self, name: str) -> None:
        """Remove a piece: its manifest first, so that it never looks complete."""
        self._storage.remove([f"{self._folder}/{name}.json"])
        self._storage.remove([entry.path for entry in self._storage.files(f"{self._folder}/{name}")])

    def clear(self, before: float = math.inf) -> None:
        """Remove all pieces; what cannot be removed now is found by ``saga gc``.

        Args:
            before: Only what was written before this time, seconds since 1970 by the storage's clock.
        """
        with suppress(SagaError):
            paths = [entry.path for entry in self._storage.files(self._folder) if entry.modified <= before]
            inner = {path: path.removeprefix(f"{self._folder}/").split("/") for path in paths}
            self._storage.remove([path for path, parts in inner.items() if len(parts) == 1])
            self._storage.remove([path for path, parts in inner.items() if len(parts) > 1])
            for attempt in {parts[1] for parts in inner.values() if len(parts) > 1}:
                # Copies that were read of them on this machine.
                shutil.rmtree(self._cache / attempt, ignore_errors=True)


def _nothing() -> None:
    pass
