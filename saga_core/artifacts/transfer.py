"""Folders in and out of a storage: every file hashed, nothing half, nothing but plain files."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from saga_core.artifacts.fingerprint import hash_file, list_files
from saga_core.artifacts.formats import FORMATS, is_what_it_says
from saga_core.artifacts.local_storage import flush_to_disk
from saga_core.artifacts.record import FileEntry
from saga_core.artifacts.storage import Entry, Storage
from saga_core.errors import DamagedArtifactError, StageError, StoreError, UserError

_TRIES = 4


def describe(folder: Path) -> tuple[FileEntry, ...]:
    """Hash and measure the files of a folder.

    Raises:
        StageError: A file is a symbolic link.
    """
    files = list_files(folder)
    if links := [file for file in files if file.is_symlink()]:
        raise StageError("an artifact holds no symbolic links", str(links[0]), "write the file itself")
    if other := [file for file in files if file.suffix in FORMATS and not is_what_it_says(file)]:
        raise StageError(f"the file is no {other[0].suffix[1:]}", str(other[0]), "this is a mistake in the stage")
    return tuple(
        FileEntry(path=file.relative_to(folder).as_posix(), sha256=hash_file(file), size=file.stat().st_size)
        for file in files
    )


def upload(storage: Storage, folder: Path, prefix: str, files: Sequence[FileEntry]) -> None:
    """Put a folder's files below a prefix, and see that they are there.

    Args:
        storage: Where to.
        folder: The local folder; where it is the place itself, nothing is copied.
        prefix: Where in the storage.
        files: As ``describe`` gave them.

    Raises:
        StoreError: The storage does not list what was put there.
    """
    if storage.local(prefix) == folder:
        for entry in files:
            flush_to_disk(folder / entry.path)
        return
    wrong = {entry.path: "" for entry in files}
    # Something in between may say that all is well, and forward nothing.
    for _ in range(_TRIES):
        for entry in files:
            if entry.path in wrong:
                storage.put(folder / entry.path, f"{prefix}/{entry.path}")
        wrong = compare(storage.files(prefix), prefix, files)
        if not wrong:
            return
    what = next(iter(wrong.values()))
    raise StoreError(f"after the upload {what}", storage.locate(prefix), "run the same command again")


def compare(found: Sequence[Entry], prefix: str, files: Sequence[FileEntry]) -> dict[str, str]:
    """Return the files in which a listing differs from what should be there, and how.

    One too many differs too: a library that is given a folder may prefer it to those that were recorded.

    Args:
        found: The listing of ``prefix``.
        prefix: Folder of the files.
        files: What should be there.
    """
    there = {entry.path.removeprefix(f"{prefix}/"): entry for entry in found if entry.path.startswith(f"{prefix}/")}
    wrong = {}
    for entry in files:
        file = there.pop(entry.path, None)
        if file is None:
            wrong[entry.path] = f"{entry.path} is missing"
        elif file.link:
            wrong[entry.path] = f"{entry.path} is a symbolic link"
        elif file.size != entry.size:
            wrong[entry.path] = f"{entry.path} has {file.size} bytes, not {entry.size}"
    return wrong | {path: f"{path} is not in its record" for path in there}


def download(storage: Storage, prefix: str, files: Sequence[FileEntry], cache: Path) -> Path:
    """Return a local folder with files of a storage, each one checked.

    Args:
        storage: Where from; from a disk of this machine nothing is copied.
        prefix: Where in the storage.
        files: What is wanted.
        cache: Folder for copies; a file that is there already and right is not fetched again.

    Raises:
        DamagedArtifactError: A file is missing, differs from its digest, or is not of the format that it claims.
    """
    there = storage.local(prefix)
    folder = there or cache
    for entry in files:
        path, file = f"{prefix}/{entry.path}", folder / entry.path
        problem = check(file, entry) if there else _fetch(storage, path, entry, file)
        if problem:
            raise DamagedArtifactError(problem, storage.locate(path))
    return folder


def check(file: Path, entry: FileEntry) -> str | None:
    """Say what is wrong with a local file, or None where nothing is."""
    if file.is_symlink() or any(parent.is_symlink() for parent in file.parents[: entry.path.count("/") + 1]):
        return "a symbolic link is not followed"
    if not file.is_file():
        return "the file is missing"
    if file.stat().st_size != entry.size or hash_file(file) != entry.sha256:
        return "the file differs from its record"
    return None if is_what_it_says(file) else f"the file is no {file.suffix.removeprefix('.')}"


def _fetch(storage: Storage, path: str, entry: FileEntry, file: Path) -> str | None:
    if check(file, entry) is None:
        return None
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        what = f"no copy can be kept here: {error.strerror}"
        raise UserError(what, str(file.parent), "let XDG_CACHE_HOME name a folder that can be written to") from error
    problem: str | None = None
    # A connection may spoil what the storage still holds whole.
    for _ in range(_TRIES):
        # Under another name first: an interrupted download must not pass for the file.
        partial = file.with_name(f".{secrets.token_hex(4)}.{file.name}")
        try:
            storage.get(path, partial)
            problem = check(partial, entry)
            if problem is None:
                os.replace(partial, file)
                return None
        except FileNotFoundError:
            return "the file is missing"
        finally:
            partial.unlink(missing_ok=True)
    return problem
