"""Storage that fsspec opens: retried with back-off and a deadline, an outage never taken for a miss."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
from fsspec.callbacks import Callback

from saga_core.artifacts.failures import Kind
from saga_core.artifacts.retries import Retries
from saga_core.artifacts.storage import JSON_LIMIT, Entry, Patience, Unfinished, shown
from saga_core.errors import DamagedArtifactError, SagaError, StoreError, UserError
from saga_core.progress import Tick, progress

# Smaller files are there before a bar could be read.
_WITH_PROGRESS = 64 << 20
_MB = 1_000_000
# As the backends of fsspec call it.
_CHANGED = ("LastModified", "last_modified", "modified", "updated", "mtime", "modificationTime", "created")


class RemoteStorage:
    """Files below a URI that fsspec opens; endpoint and credentials come from the environment or a profile.

    Args:
        uri: Such as ``gs://bucket/prefix``.
        patience: How long failures are tried again.

    Raises:
        UserError: The URI cannot be opened, or has credentials in it.
    """

    def __init__(self, uri: str, patience: Patience) -> None:
        rest = uri.partition("://")[2]
        if "@" in rest or ":" in rest.split("/")[0] or "?" in rest or "::" in uri:
            remedy = "name a bucket and a prefix alone; credentials come from the environment or AWS_PROFILE"
            raise UserError("a store's URI holds neither credentials nor parameters", shown(uri), remedy)
        self._patience = patience
        try:
            self._fs, self._root = self._open(uri)
        except SagaError:
            raise
        except Exception as error:  # Each of fsspec's file systems has its own.
            what = f"cannot open the store: {type(error).__name__}: {error}"
            raise UserError(what, uri, "give a folder or a URI such as s3://…") from error
        self.uri = str(self._fs.unstrip_protocol(self._root))
        self._patiently = Retries(self.uri, patience, self._renew)

    def hurry(self) -> None:
        """Try everything but once from now on."""
        self._patiently.hurry()

    def locate(self, path: str) -> str:
        """Return the URI of a file."""
        return f"{self.uri}/{path}"

    def url(self, path: str) -> str | None:
        """Return None: a browser knows no such protocol."""
        return None

    def local(self, path: str) -> Path | None:
        """Return None: nothing of it is on this machine's disk."""
        return None

    def read(self, path: str, limit: int = JSON_LIMIT) -> bytes | None:
        """Return a small file's bytes, or None where there is none."""

        def get() -> bytes:
            return bytes(self._fs.cat_file(self._full(path), start=0, end=limit + 1))

        data = self._patiently("read", path, get, {Kind.MISSING: None, Kind.EMPTY: b""})
        if data is not None and len(data) > limit:
            raise DamagedArtifactError(f"more than {limit >> 20} MB where a small file belongs", self.locate(path))
        return data

    def write(self, path: str, data: bytes) -> None:
        """Write a small file, in place of what was there."""
        self._patiently("write", path, lambda: self._write(self._full(path), data, create=False))

    def create(self, path: str, data: bytes) -> bool:
        """Write a small file only where there is none, and say whether ``data`` is what is there now.

        The answer to a write that succeeded may be lost, and the next try then finds our own file: so it is read.
        """

        def put() -> bool:
            self._write(self._full(path), data, create=True)
            return True

        if self._patiently("write", path, put, {Kind.EXISTS: False}):
            return True
        return self.read(path, max(len(data), JSON_LIMIT)) == data

    def files(self, folder: str) -> list[Entry]:
        """Return the files below a folder."""
        nothing: dict[str, dict[str, Any]] = {}
        found = self._patiently("list", folder, lambda: self._find(self._full(folder)), {Kind.MISSING: nothing})
        entries = [self._entry(name, info) for name, info in found.items()]
        below = f"{folder}/" if folder else ""
        return sorted((e for e in entries if e.path.startswith(below)), key=lambda entry: entry.path)

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders directly inside a folder, sorted."""
        nothing: list[str] = []
        found = self._patiently("list", folder, lambda: self._names(self._full(folder)), {Kind.MISSING: nothing})
        return sorted(name.rstrip("/").rsplit("/", 1)[-1] for name in found)

    def move(self, path: str, to: str) -> None:
        """Rename a file: copied by the storage itself, then removed."""

        def copy() -> bool:
            self._fs.cp_file(self._full(path), self._full(to))
            return True

        # Where it is gone, somebody was faster.
        if self._patiently("write", to, copy, {Kind.MISSING: False}):
            self.remove([path])

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files, as far as they exist."""
        for path in paths:
            self._patiently("remove", path, partial(self._remove, self._full(path)), {Kind.MISSING: None})

    def put(self, file: Path, path: str) -> None:
        """Copy a local file in; large ones in parallel parts, with progress."""

        def put() -> None:
            with ExitStack() as stack:
                callback = _Shown.of("uploading", path, file.stat().st_size, stack)
                self._upload(str(file), self._full(path), callback)

        self._patiently("write", path, put)

    def get(self, path: str, file: Path) -> None:
        """Copy a file out; large ones in parallel parts."""

        def get() -> bool:
            self._fs.get_file(self._full(path), str(file))
            return True

        found = self._patiently("read", path, get, {Kind.MISSING: False, Kind.EMPTY: True})
        if not found and not file.parent.is_dir():
            remedy = "run the same command again"
            raise StoreError("the folder for copies was removed while they were made", str(file.parent), remedy)
        if not found:
            raise FileNotFoundError(self.locate(path))
        if not file.exists():
            file.touch()

    def unfinished(self) -> list[Unfinished]:
        """Return nothing: how a write is begun is this storage's own affair."""
        return []

    def abandon(self, unfinished: Unfinished) -> None:
        """Do nothing: there is none."""

    def _open(self, uri: str) -> tuple[Any, str]:
        """Return the file system and the full path of the store in it."""
        file_system, root = fsspec.core.url_to_fs(uri)
        return file_system, str(root).rstrip("/")

    def _renew(self) -> None:
        """Read credentials again; most file systems do so themselves."""

    def _write(self, full: str, data: bytes, *, create: bool) -> None:
        self._fs.pipe_file(full, data, mode="create" if create else "overwrite")

    def _upload(self, file: str, full: str, callback: Callback) -> None:
        self._fs.put_file(file, full, callback=callback)

    def _remove(self, full: str) -> None:
        self._fs.rm_file(full)

    def _find(self, full: str) -> dict[str, dict[str, Any]]:
        """Return what fsspec knows of every file below a full path, by full path."""
        self._fs.invalidate_cache()
        found: dict[str, dict[str, Any]] = self._fs.find(full, detail=True)
        return found

    def _names(self, full: str) -> list[str]:
        """Return the full paths of the folders directly inside a full path."""
        self._fs.invalidate_cache()
        return [str(info["name"]) for info in self._fs.ls(full, detail=True) if info["type"] == "directory"]

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _entry(self, name: str, info: dict[str, Any]) -> Entry:
        return Entry(name[len(self._root) :].lstrip("/"), int(info["size"]), _changed(info))


def _changed(info: dict[str, Any]) -> float:
    """Return when a file was last written, or 0 where the storage does not tell."""
    changed = next((info[name] for name in _CHANGED if info.get(name)), 0.0)
    if isinstance(changed, str):
        changed = datetime.fromisoformat(changed)
    return changed.timestamp() if isinstance(changed, datetime) else float(changed)


class _Shown(Callback):  # type: ignore[misc]
    """Turns an upload's bytes into the progress display's megabytes."""

    def __init__(self, tick: Tick) -> None:
        super().__init__()
        self._tick = tick
        self._bytes = 0

    @classmethod
    def of(cls, verb: str, path: str, size: int, stack: ExitStack) -> Callback:
        """Return a callback with a display for a large file, else one that does nothing."""
        if size < _WITH_PROGRESS:
            return Callback()
        name = path.rsplit("/", 1)[-1]
        return cls(stack.enter_context(progress(f"{verb} {name}", size // _MB, "MB")))

    def relative_update(self, inc: int = 1) -> None:
        """Take in that ``inc`` bytes more were sent."""
        before, self._bytes = self._bytes // _MB, self._bytes + inc
        self._tick(self._bytes // _MB - before)
