"""Storage on a disk of this machine, or one that is mounted here."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from saga_core.artifacts.storage import JSON_LIMIT, Entry, Unfinished
from saga_core.errors import DamagedArtifactError, RefusedError, StageError, StoreError, UserError

# As _temporary() names them.
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}", re.DOTALL)


class LocalStorage:
    """Files below a folder, written under another name first, so that none is ever seen half.

    Args:
        uri: The folder; it need not exist.

    Raises:
        UserError: Something on the way to it is no folder.
    """

    def __init__(self, uri: str) -> None:
        self._root = Path(os.path.abspath(os.path.expanduser(uri.removeprefix("file://").removeprefix("local://"))))
        self.uri = str(self._root)
        self._began = False
        try:
            # The nearest thing that exists on the way must be a folder, or nothing can be stored below it.
            nearest = next(path for path in (self._root, *self._root.parents) if path.exists())
        except OSError as error:
            raise UserError(f"no folder: {error.strerror}", f"--store {uri}", "choose another --store") from error
        if not nearest.is_dir():
            raise UserError(f"{nearest} is no folder", f"--store {uri}", "choose another --store")

    def hurry(self) -> None:
        """Do nothing: a disk is never waited for."""

    def locate(self, path: str) -> str:
        """Return the absolute path."""
        return str(self._root / path)

    def url(self, path: str) -> str | None:
        """Return None: no browser follows a server's link to a file of its own machine."""
        return None

    def local(self, path: str) -> Path | None:
        """Return the absolute path."""
        return self._root / path

    def read(self, path: str, limit: int = JSON_LIMIT) -> bytes | None:
        """Return a small file's bytes, or None where there is none."""
        try:
            place = self._place(path)
            # A pipe would be waited for.
            if place.exists() and not place.is_file():
                raise DamagedArtifactError("not a file", self.locate(path), "remove it")
            with place.open("rb") as file:
                data = file.read(limit + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(error, path) from error
        if len(data) > limit:
            raise DamagedArtifactError(f"more than {limit >> 20} MB where a small file belongs", self.locate(path))
        return data

    def write(self, path: str, data: bytes) -> None:
        """Write a small file, in place of what was there."""
        with self._writing():
            os.replace(self._beside(path, data), self._place(path))

    def create(self, path: str, data: bytes) -> bool:
        """Write a small file only where there is none, and say whether ``data`` is what is there now."""
        with self._writing():
            temporary, place = self._beside(path, data), self._place(path)
            try:
                # A hard link fails where the name is taken, and never shows half a file.
                os.link(temporary, place)
            except FileExistsError:
                # A network disk may have done it, and lost the answer.
                return place.exists() and place.samefile(temporary)
            except OSError as error:
                if error.errno in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
                    raise RefusedError("this file system has no hard links", self.uri) from error
                raise
            finally:
                temporary.unlink(missing_ok=True)
        return True

    def files(self, folder: str) -> list[Entry]:
        """Return the files below a folder, without temporary ones."""
        found = []
        try:
            top = self._place(folder)
            for parent, folders, files in os.walk(top, onerror=self._raise):
                folders[:] = [name for name in folders if not name.startswith(".")]
                links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
                for name in (*files, *links):
                    if not name.startswith("."):
                        # A file may go while it is looked at.
                        with suppress(FileNotFoundError):
                            found.append(self._entry(os.path.join(parent, name)))
        except OSError as error:
            raise self._unreadable(error, folder) from error
        return sorted(found, key=lambda entry: entry.path)

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders directly inside a folder, sorted."""
        try:
            with os.scandir(self._place(folder)) as entries:
                return sorted(e.name for e in entries if e.is_dir(follow_symlinks=False) and e.name[0] != ".")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unreadable(error, folder) from error

    def move(self, path: str, to: str) -> None:
        """Rename a file."""
        # A link in the file's place is itself moved, never what it points to; where it is gone, somebody was faster.
        with self._writing(), suppress(FileNotFoundError):
            os.rename(self._root / path, self._place(to))

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files, as far as they exist, and the folders that are then empty."""
        with self._writing():
            for path in paths:
                # A link in the file's place is itself removed; one on the way to it would lead elsewhere.
                (self._place(os.path.dirname(path)) / os.path.basename(path)).unlink(missing_ok=True)
            for parent in sorted({p for path in paths for p in (self._root / path).parents}, reverse=True):
                if parent.is_relative_to(self._root) and parent != self._root:
                    with suppress(OSError):
                        parent.rmdir()

    def put(self, file: Path, path: str) -> None:
        """Copy a local file in."""
        with self._writing():
            target = self._place(path)
            temporary = _temporary(target)
            try:
                with file.open("rb") as source, self._open_new(temporary) as copy:
                    shutil.copyfileobj(source, copy)
                flush_to_disk(temporary)
                os.replace(temporary, target)
            finally:
                temporary.unlink(missing_ok=True)

    def get(self, path: str, file: Path) -> None:
        """Copy a file out."""
        shutil.copyfile(self._place(path), file)

    def unfinished(self) -> list[Unfinished]:
        """Return the temporary files."""
        found = []
        for parent, _, files in os.walk(self._root):
            for name in files:
                if _TEMPORARY.fullmatch(name):
                    # It may be completed while it is looked at.
                    with suppress(FileNotFoundError):
                        entry = self._entry(os.path.join(parent, name))
                        found.append(Unfinished(entry.path, entry.size, entry.modified))
        return sorted(found, key=lambda write: write.path)

    def abandon(self, unfinished: Unfinished) -> None:
        """Remove a temporary file."""
        self.remove([unfinished.path])

    def _place(self, path: str) -> Path:
        place = self._root
        if ".." in Path(path).parts:
            raise DamagedArtifactError("a path leaves the store", path)
        for part in Path(path).parts:
            place = place / part
            if place.is_symlink():
                raise DamagedArtifactError("a symbolic link is not followed", str(place), "remove it")
        return place

    def _entry(self, path: str) -> Entry:
        status = os.lstat(path)
        return Entry(
            Path(path).relative_to(self._root).as_posix(), status.st_size, status.st_mtime, os.path.islink(path)
        )

    def _raise(self, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    def _unreadable(self, error: OSError, path: str) -> StoreError:
        remedy = "check the store, then run the same command again"
        return StoreError(f"cannot read: {error.strerror}", self.locate(path), remedy)

    def _beside(self, path: str, data: bytes) -> Path:
        target = self._place(path)
        temporary = _temporary(target)
        try:
            with self._open_new(temporary) as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    def _open_new(self, path: Path) -> BinaryIO:
        for _ in range(10):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Another process may remove the folder, which is empty, before the file is in it.
            with suppress(FileNotFoundError):
                return path.open("xb")
        return path.open("xb")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise storage_failure(error, self.uri, began=self._began) from error
        self._began = True


def _temporary(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}")


def flush_to_disk(file: Path) -> None:
    """Wait until the disk has a file: a record must never outlive its payload in a power cut."""
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def storage_failure(
    error: OSError, where: str, *, began: bool = False, instead: str = "choose another --store"
) -> StageError | UserError:
    """Turn an operating-system error on a disk into the line that a user reads.

    Args:
        error: What the system says.
        where: On which disk.
        began: Something could be written there before, so that it is no mistake of the user's.
        instead: How to have another disk used.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StageError("the disk is full", where, f"free some space or {instead}, then run again")
    if not began and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        return UserError(f"cannot write here: {error.strerror}", where, instead)
    return StageError(f"cannot write: {error}", where, "check the store, then run the same command again")
