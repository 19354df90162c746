"""The store: the one authority on what is cached. Payload first, record last.

Layout below the store's URI::

    STAGE/KEY/ATTEMPT/...       the files of one writer
    STAGE/KEY/record.json       names the attempt that counts; created only once
    runs/RUN/TIME.json          what a run referred to, one file each time it was started

Each writer has an attempt folder of its own, so two writers never mix files; the first record wins.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem
from pydantic import ValidationError

from saga_core.artifacts.fingerprint import canonical, digest, hash_file, list_files
from saga_core.artifacts.record import FileEntry, Record, Reference
from saga_core.errors import DamagedArtifactError, StageError, StoreError, UserError

# 128 bits and more in an address are beyond collision; shorter paths stay readable.
_KEY_IN_ADDRESS = 32
_REPORT = {"run", "recipe", "time", "stages", "metrics", "adapter", "card"}


class Store:
    """Artifacts below one URI.

    Args:
        uri: A folder or any URI that fsspec opens.

    Raises:
        UserError: The URI names no storage that can be opened.
    """

    def __init__(self, uri: str) -> None:
        if not uri.strip():
            raise UserError("no store is named", "--store", "give a folder or a URI")
        try:
            self._fs, root = fsspec.core.url_to_fs(uri)
        except (ValueError, ImportError) as error:
            raise UserError(f"cannot open the store: {error}", uri, "give a folder or a URI such as s3://…") from error
        self._root = str(root).rstrip("/")
        self._local = isinstance(self._fs, LocalFileSystem)
        if self._local:
            # The nearest thing that exists on the way must be a folder, or nothing can be stored below it.
            nearest = next(path for path in (Path(self._root), *Path(self._root).parents) if path.exists())
            if not nearest.is_dir():
                raise UserError(
                    f"cannot write here: {nearest} is no folder", f"--store {uri}", "choose another --store"
                )
        self.uri = str(self._fs.unstrip_protocol(self._root)) if not self._local else self._root

    def find(self, stage: str, key: str) -> Record | None:
        """Return the record of an artifact, or None where there is none.

        Raises:
            StoreError: The store cannot be read; an outage is not a miss.
            DamagedArtifactError: There is a record, but it is not one of this key.
        """
        path = self._record_path(stage, key)
        text = self._read(path)
        if text is None:
            return None
        record = self._parse_record(path, text)
        if (record.stage, record.key) != (stage, key) or digest(record.payload) != key:
            raise DamagedArtifactError("the record claims another key", path)
        return record

    def damage(self, record: Record) -> str | None:
        """Say which file of an artifact is missing or has another size, or None when all are in place."""
        folder = self._attempt_path(record)
        for entry in record.files:
            try:
                size = self._fs.size(f"{folder}/{entry.path}")
            except FileNotFoundError:
                return f"{entry.path} is missing"
            if size != entry.size:
                return f"{entry.path} has {size} bytes, not {entry.size}"
        return None

    def set_aside(self, stage: str, key: str) -> str:
        """Rename a damaged artifact's record so that the stage can be made again; return the new name."""
        path = self._record_path(stage, key)
        aside = f"{path}.damaged-{secrets.token_hex(4)}"
        self._fs.mv(path, aside)
        return aside

    def records(self, stage: str) -> list[Record]:
        """Return the records of a stage, newest first; unreadable ones are left out."""
        found = []
        for path in self._fs.glob(f"{self._root}/{stage}/*/record.json"):
            try:
                found.append(self._parse_record(path, self._read(path) or ""))
            except StoreError:
                # A neighbour's damage is no reason to refuse; find() tells when it matters.
                continue
        return sorted(found, key=lambda record: record.created, reverse=True)

    def reference(self, record: Record) -> Reference:
        """Return the reference that other stages are handed."""
        uri = self.attempt_uri(record.stage, record.key, record.attempt)
        return Reference(stage=record.stage, key=record.key, digest=record.digest, uri=uri)

    def attempt_uri(self, stage: str, key: str, attempt: str) -> str:
        """Return where the files of an attempt are, or will be once it is committed."""
        path = f"{self._folder(stage, key)}/{attempt}"
        return path if self._local else str(self._fs.unstrip_protocol(path))

    @contextmanager
    def attempt(self, stage: str, key: str) -> Iterator[tuple[str, Path]]:
        """Give a writer a folder of its own; what is left there without a record does not count.

        Yields:
            The attempt's name and a local folder to write into.
        """
        name = secrets.token_hex(8)
        if self._local:
            folder = Path(self._folder(stage, key)) / name
            with _disk_errors(self.uri):
                folder.mkdir(parents=True)
            try:
                yield name, folder
            except BaseException:
                # A half artifact is of no use to anyone once its writer has stopped.
                shutil.rmtree(folder, ignore_errors=True)
                raise
            return
        with tempfile.TemporaryDirectory(prefix="saga-") as temporary:
            yield name, Path(temporary)

    def describe(self, folder: Path) -> tuple[FileEntry, ...]:
        """Hash and measure the files of an attempt."""
        return tuple(
            FileEntry(path=file.relative_to(folder).as_posix(), sha256=hash_file(file), size=file.stat().st_size)
            for file in list_files(folder)
        )

    def commit(self, record: Record, folder: Path, *, replace: bool = False) -> Record:
        """Publish an attempt: files first, then the record, created only if there is none.

        Args:
            record: Describes the files in ``folder``.
            folder: The folder that ``attempt`` gave.
            replace: Put this record in place of an existing one (a refresh).

        Returns:
            The record that counts: this one, or that of a writer who came first.
        """
        path = self._record_path(record.stage, record.key)
        data = record.model_dump_json(indent=1).encode()
        with _disk_errors(self.uri):
            if not self._local:
                for entry in record.files:
                    self._fs.put_file(str(folder / entry.path), f"{self._attempt_path(record)}/{entry.path}")
            if replace:
                self._write(path, data)
                return record
            if self._create(path, data):
                return record
        winner = self.find(record.stage, record.key)
        if winner is None:
            # The name is taken by what leads nowhere, such as a dangling link.
            self._write(path, data)
            return record
        shutil.rmtree(folder, ignore_errors=True)
        return winner

    def fetch(self, reference: Reference) -> Path:
        """Return a local folder with an artifact's files, each one checked against its digest.

        Raises:
            DamagedArtifactError: A file is missing or differs from its record.
        """
        record = self.find(reference.stage, reference.key)
        if record is None:
            raise DamagedArtifactError("the artifact has no record", reference.uri, "run the same command again")
        source = self._attempt_path(record)
        folder = Path(source) if self._local else Path(tempfile.gettempdir()) / "saga-cache" / record.digest
        for entry in record.files:
            file = folder / entry.path
            if not self._local and not (file.is_file() and hash_file(file) == entry.sha256):
                file.parent.mkdir(parents=True, exist_ok=True)
                # Under another name first: an interrupted download must not pass for the file.
                partial = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
                self._fs.get_file(f"{source}/{entry.path}", str(partial))
                os.replace(partial, file)
            if not file.is_file() or hash_file(file) != entry.sha256:
                raise DamagedArtifactError(
                    "the file differs from its record",
                    f"{source}/{entry.path}",
                    f"run again with --refresh {record.stage}",
                )
        return folder

    def write_run(self, run: str, time: str, report: dict[str, Any]) -> None:
        """Keep what a run referred to, under its name and the time at which it was started."""
        with _disk_errors(self.uri):
            self._write(f"{self._root}/runs/{run}/{time}.json", (canonical(report) + "\n").encode())

    def read_runs(self) -> list[dict[str, Any]]:
        """Return the reports of all runs, newest first."""
        paths = self._fs.glob(f"{self._root}/runs/*/*.json")
        runs = []
        for path in paths:
            # A report that a killed writer left half is no reason to hide the others.
            with contextlib.suppress(ValueError, StoreError):
                run = json.loads(self._read(path) or "")
                if isinstance(run, dict) and run.keys() >= _REPORT:
                    runs.append(run)
        return sorted(runs, key=lambda run: str(run["time"]), reverse=True)

    def _folder(self, stage: str, key: str) -> str:
        return f"{self._root}/{stage}/{key[:_KEY_IN_ADDRESS]}"

    def _record_path(self, stage: str, key: str) -> str:
        return f"{self._folder(stage, key)}/record.json"

    def _attempt_path(self, record: Record) -> str:
        return f"{self._folder(record.stage, record.key)}/{record.attempt}"

    def _read(self, path: str) -> bytes | None:
        try:
            return bytes(self._fs.cat_file(path))
        except FileNotFoundError:
            return None
        except Exception as error:
            # Clients of object stores raise errors of their own kinds; an outage must never pass for a miss.
            raise StoreError(
                f"cannot read: {error}", path, "check the store, then run the same command again"
            ) from error

    def _parse_record(self, path: str, text: bytes | str) -> Record:
        try:
            return Record.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise DamagedArtifactError(f"not a record: {place} {first['msg']}", path) from error

    def _write(self, path: str, data: bytes) -> None:
        if not self._local:
            self._fs.pipe_file(path, data)
            return
        temporary = _temporary_beside(path, data)
        os.replace(temporary, path)

    def _create(self, path: str, data: bytes) -> bool:
        """Create a file only if it does not exist, whole or not at all."""
        try:
            if not self._local:
                self._fs.pipe_file(path, data, mode="create")
                return True
            temporary = _temporary_beside(path, data)
            try:
                # A hard link fails where the name is taken, and never shows half a file.
                os.link(temporary, path)
            finally:
                temporary.unlink()
        except FileExistsError:
            return False
        return True


def _temporary_beside(path: str, data: bytes) -> Path:
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


@contextmanager
def _disk_errors(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_failure(error, where) from error


def storage_failure(error: OSError, where: str) -> StageError | UserError:
    """Turn an operating-system error on the store into the line that a user reads."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StageError("the disk is full", where, "free some space or choose another --store, then run again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        return UserError(f"cannot write here: {error.strerror}", where, "choose another --store")
    return StageError(f"cannot write: {error}", where, "check the store, then run the same command again")
