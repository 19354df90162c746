"""Files below one URI: what the store needs of a disk or an object store, and nothing more.

Every path is relative to the URI and uses ``/``. A write is seen whole or not at all, and listings are current: local
disks and S3 as it is since 2020 both promise so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from saga_core.environment import seconds
from saga_core.errors import UserError

# Records, manifests and reports are a few kilobytes; whatever is larger is none.
JSON_LIMIT = 8 << 20

_SLASHES_MISSING = re.compile(r"(s3a?|gs|gcs|az|abfs|https?|hdfs|file|memory):(?!//)")


@dataclass(frozen=True)
class Patience:
    """How long the store is waited for.

    Attributes:
        seconds: An operation that fails for a reason that may pass is tried again for so long.
        first: The same before the store has answered once: a wrong endpoint should not take minutes to be told.
        lease: A lease whose holder was silent for so long has expired, seconds; heartbeats come four times as often.
    """

    seconds: float = 300.0
    first: float = 20.0
    lease: float = 60.0

    @classmethod
    def of_environment(cls) -> Patience:
        """Return what ``SAGA_STORE_SECONDS`` and ``SAGA_LEASE_SECONDS`` ask for, else the defaults.

        Raises:
            UserError: One of them is no number of seconds, or too small or large.
        """
        patience = seconds("SAGA_STORE_SECONDS", cls.seconds, 1, 86_400)
        return cls(patience, min(cls.first, patience), seconds("SAGA_LEASE_SECONDS", cls.lease, 2, 86_400))


@dataclass(frozen=True)
class Entry:
    """A stored file.

    Attributes:
        path: Relative to the storage's URI.
        size: Bytes.
        modified: When it was last written, seconds since 1970 by the storage's own clock.
        link: Whether it is a symbolic link, which the store never follows.
    """

    path: str
    size: int
    modified: float
    link: bool = False


@dataclass(frozen=True)
class Unfinished:
    """A write that nobody completed yet, and that no listing shows: a temporary file, a multipart upload.

    Attributes:
        path: Where it lies, or where its file would be.
        size: Bytes, as far as the storage tells.
        modified: When it was begun, or last written to, seconds since 1970 by the storage's own clock.
        upload: The storage's name for an upload.
    """

    path: str
    size: int
    modified: float
    upload: str = ""


class Storage(Protocol):
    """Files below one URI."""

    uri: str

    def locate(self, path: str) -> str:
        """Return the full path or URI of a file, for people and other programs."""

    def url(self, path: str) -> str | None:
        """Return the link by which a page of a server leads to a file, or None where none does."""

    def local(self, path: str) -> Path | None:
        """Return the path on this machine's disk, or None where the storage is elsewhere."""

    def read(self, path: str, limit: int = JSON_LIMIT) -> bytes | None:
        """Return a small file's bytes, or None where there is none.

        Raises:
            StoreError: The storage cannot be read; an outage is not a miss.
            DamagedArtifactError: The file has more than ``limit`` bytes, or is a symbolic link.
        """

    def write(self, path: str, data: bytes) -> None:
        """Write a small file, in place of what was there."""

    def create(self, path: str, data: bytes) -> bool:
        """Write a small file only where there is none, and say whether ``data`` is what is there now.

        Raises:
            RefusedError: The storage cannot do that.
        """

    def files(self, folder: str) -> list[Entry]:
        """Return the files below a folder, at any depth, sorted by path."""

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders directly inside a folder, sorted."""

    def move(self, path: str, to: str) -> None:
        """Rename a file."""

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files, as far as they exist."""

    def put(self, file: Path, path: str) -> None:
        """Copy a local file in; large ones in parallel parts, with progress."""

    def get(self, path: str, file: Path) -> None:
        """Copy a file out.

        Raises:
            FileNotFoundError: It is not there.
        """

    def unfinished(self) -> list[Unfinished]:
        """Return the writes that nobody completed yet; some are going on."""

    def hurry(self) -> None:
        """Wait for nothing any more: the user wants the end."""

    def abandon(self, unfinished: Unfinished) -> None:
        """Remove what a write left that will not be completed."""


def shown(uri: str) -> str:
    """Return a store's URI as it may be shown: where it may hold a secret, only its protocol."""
    protocol, separator, rest = uri.partition("://" if "://" in uri else ":")
    return f"{protocol}{separator}…" if separator and ("@" in rest or ":" in rest.split("/")[0] or "?" in rest) else uri


def open_storage(uri: str, patience: Patience) -> Storage:
    """Return the storage that a URI names: a folder of this machine, or whatever fsspec opens.

    Raises:
        UserError: It names none.
    """
    if not uri.strip():
        raise UserError("no store is named", "--store", "give a folder or a URI")
    if not uri.isprintable():
        raise UserError("a name with characters that cannot be printed", f"--store {shown(uri)}", "choose another one")
    if match := _SLASHES_MISSING.match(uri):
        meant = f"{match[1]}://{uri[match.end() :].lstrip('/')}"
        raise UserError("not a store", f"--store {shown(uri)}", f"did you mean {shown(meant)}?")
    if "://" not in uri or uri.startswith(("file://", "local://")):
        from saga_core.artifacts.local_storage import LocalStorage

        return LocalStorage(uri)
    # Only a remote store pays for importing fsspec and its clients.
    if uri.startswith(("s3://", "s3a://")):
        from saga_core.artifacts.s3_storage import S3Storage

        return S3Storage(uri, patience)
    from saga_core.artifacts.remote_storage import RemoteStorage

    return RemoteStorage(uri, patience)
