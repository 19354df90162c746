"""Storage that fsspec opens, S3 above all: retried with back-off and a deadline, an outage never taken for a miss."""

from __future__ import annotations

import errno
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import fsspec
from fsspec.callbacks import Callback

from saga_core.artifacts.failures import Failure, Kind, classify
from saga_core.artifacts.local_storage import storage_failure
from saga_core.artifacts.storage import JSON_LIMIT, Entry, Patience, Unfinished
from saga_core.errors import DamagedArtifactError, NoConditionalWritesError, StoreError, UserError
from saga_core.progress import Tick, progress

Result = TypeVar("Result")

_S3 = ("s3", "s3a")
_PART = 16 << 20
_PARTS_AT_ONCE = 4
# S3's own limit.
_REMOVED_AT_ONCE = 1000
# Smaller files are there before a bar could be read.
_WITH_PROGRESS = 64 << 20
_SAY_AFTER_SECONDS = 5.0
_LONGEST_PAUSE = 15.0
_MB = 1_000_000


class RemoteStorage:
    """Files below a URI that fsspec opens; endpoint and credentials come from the environment or a profile.

    Args:
        uri: Such as ``s3://bucket/prefix``.
        patience: How long failures are tried again.

    Raises:
        UserError: The URI cannot be opened, or has credentials in it.
    """

    def __init__(self, uri: str, patience: Patience) -> None:
        protocol, _, rest = uri.partition("://")
        if "@" in rest.split("/")[0] or "?" in rest:
            remedy = "name a bucket and a prefix alone; credentials come from the environment or AWS_PROFILE"
            raise UserError("a store's URI holds neither credentials nor parameters", f"{protocol}://…", remedy)
        if protocol in _S3 and not rest.strip("/"):
            raise UserError("no bucket is named", uri, "give s3://bucket/prefix")
        self._patience = patience
        self._answered = False
        try:
            options = _s3_options(patience) if protocol in _S3 else {}
            self._fs, root = fsspec.core.url_to_fs(uri, **options)
        except (ValueError, ImportError) as error:
            raise UserError(f"cannot open the store: {error}", uri, "give a folder or a URI such as s3://…") from error
        self._s3 = protocol in _S3
        if self._s3:
            # Botocore tries each request again, we each operation: a third layer in between multiplies both.
            self._fs.retries = 1
        self._root = str(root).strip("/") if self._s3 else str(root).rstrip("/")
        self.uri = str(self._fs.unstrip_protocol(self._root))

    def hurry(self) -> None:
        """Try everything but once from now on."""
        self._patience = Patience(seconds=0.0, first=0.0)

    def locate(self, path: str) -> str:
        """Return the URI of a file."""
        return f"{self.uri}/{path}"

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
        self._patiently("write", path, lambda: self._fs.pipe_file(self._full(path), data))

    def create(self, path: str, data: bytes) -> bool:
        """Write a small file only where there is none, and say whether ``data`` is what is there now.

        The answer to a write that succeeded may be lost, and the next try then finds our own file: so it is read.
        """

        def put() -> bool:
            self._fs.pipe_file(self._full(path), data, mode="create")
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

        def names() -> list[str]:
            if self._s3:
                return [
                    str(found["Prefix"]) for _, prefixes in self._pages(self._full(folder), "/") for found in prefixes
                ]
            self._fs.invalidate_cache()
            return [str(i["name"]) for i in self._fs.ls(self._full(folder), detail=True) if i["type"] == "directory"]

        nothing: list[str] = []
        found = self._patiently("list", folder, names, {Kind.MISSING: nothing})
        return sorted(name.rstrip("/").rsplit("/", 1)[-1] for name in found)

    def move(self, path: str, to: str) -> None:
        """Rename a file: copied by the storage itself, then removed."""
        self._patiently("write", to, lambda: self._fs.cp_file(self._full(path), self._full(to)))
        self.remove([path])

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files, as far as they exist."""
        for start in range(0, len(paths), _REMOVED_AT_ONCE):
            some = paths[start : start + _REMOVED_AT_ONCE]
            self._patiently("remove", some[0], partial(self._remove, some))

    def _remove(self, paths: Sequence[str]) -> None:
        # The client's own ``rm`` takes names for patterns, and says nothing of what S3 refused to remove.
        if not self._s3:
            for path in paths:
                with suppress(FileNotFoundError):
                    self._fs.rm_file(self._full(path))
            return
        bucket = self._root.partition("/")[0]
        objects = [{"Key": self._full(path).partition("/")[2]} for path in paths]
        answer = self._fs.call_s3("delete_objects", Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        for error in answer.get("Errors") or ():
            raise _RefusedError(error)

    def put(self, file: Path, path: str) -> None:
        """Copy a local file in; large ones in parallel parts, with progress."""

        def put() -> None:
            with ExitStack() as stack:
                callback = _Shown.of("uploading", path, file.stat().st_size, stack)
                options: dict[str, Any] = {"chunksize": _PART} if self._s3 else {}
                self._fs.put_file(str(file), self._full(path), callback=callback, **options)

        self._patiently("write", path, put)

    def get(self, path: str, file: Path) -> None:
        """Copy a file out; large ones in parallel parts."""

        def get() -> bool:
            self._fs.get_file(self._full(path), str(file))
            return True

        found = self._patiently("read", path, get, {Kind.MISSING: False, Kind.EMPTY: True})
        if not found:
            raise FileNotFoundError(self.locate(path))
        if not file.exists():
            file.touch()

    def unfinished(self) -> list[Unfinished]:
        """Return the multipart uploads that nobody completed; none but on S3."""
        if not self._s3:
            return []
        bucket, key, _ = self._fs.split_path(self._root)

        def ask() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            more: dict[str, str] = {}
            while True:
                answer = self._fs.call_s3(
                    "list_multipart_uploads", Bucket=bucket, Prefix=f"{key}/" if key else "", **more
                )
                found += answer.get("Uploads") or []
                if not answer.get("IsTruncated"):
                    return found
                more = {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer["NextUploadIdMarker"]}

        nothing: list[dict[str, Any]] = []
        uploads = self._patiently("list", "", ask, {Kind.UNSUPPORTED: nothing})
        return [
            Unfinished(upload["Key"][len(key) :].lstrip("/"), 0, upload["Initiated"].timestamp(), upload["UploadId"])
            for upload in uploads
        ]

    def abandon(self, unfinished: Unfinished) -> None:
        """Give up a multipart upload, so that its parts take no more room."""
        bucket, _, key = self._full(unfinished.path).partition("/")

        def abort() -> None:
            try:
                self._fs.call_s3("abort_multipart_upload", Bucket=bucket, Key=key, UploadId=unfinished.upload)
            except Exception as error:
                # Somebody was faster, or the answer to our first try was lost.
                if not classify(error).reason.startswith("NoSuchUpload"):
                    raise

        self._patiently("remove", unfinished.path, abort)

    def _find(self, where: str) -> dict[str, dict[str, Any]]:
        """Return what fsspec knows of every file below a full path, by full path."""
        if not self._s3:
            self._fs.invalidate_cache()
            found: dict[str, dict[str, Any]] = self._fs.find(where, detail=True)
            return found
        bucket = where.split("/")[0]
        files = [found for contents, _ in self._pages(where, "") for found in contents]
        return {f"{bucket}/{f['Key']}": {**f, "size": f["Size"]} for f in files if not f["Key"].endswith("/")}

    def _pages(self, where: str, delimiter: str) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
        """Yield the objects and the common prefixes of each page of an S3 listing.

        s3fs's own would take a page of HTML, from a proxy whose server is away, for an empty listing.
        """
        bucket, _, key = where.partition("/")
        asked = {"Bucket": bucket, "Prefix": f"{key}/" if key else "", "Delimiter": delimiter}
        while True:
            page = self._fs.call_s3("list_objects_v2", **asked)
            if not page.get("Name"):
                raise ConnectionError("what answered is no S3 server")
            yield page.get("Contents") or [], page.get("CommonPrefixes") or []
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _entry(self, name: str, info: dict[str, Any]) -> Entry:
        changed = info.get("LastModified") or info.get("last_modified") or info.get("updated") or info.get("created")
        if isinstance(changed, str):
            changed = datetime.fromisoformat(changed)
        modified = changed.timestamp() if isinstance(changed, datetime) else float(changed or info.get("mtime") or 0.0)
        return Entry(name[len(self._root) :].lstrip("/"), int(info["size"]), modified)

    def _patiently(
        self, verb: str, path: str, operation: Callable[[], Result], meanings: dict[Kind, Result] | None = None
    ) -> Result:
        """Do an operation, and again with growing pauses while it fails for a reason that may pass.

        Args:
            verb: What is being done, for the error.
            path: To what.
            operation: Must give the same result when done twice.
            meanings: Results of failures that are an answer.

        Raises:
            StoreError: The deadline passed, or the failure will not pass.
        """
        start, pause, tries, said = time.monotonic(), 0.25, 0, False
        while True:
            tries += 1
            try:
                result = operation()
            except Exception as error:
                failure = classify(error)
                if meanings is not None and failure.kind in meanings:
                    self._answered = True
                    return meanings[failure.kind]
                if isinstance(error, OSError) and _is_local(error):
                    raise storage_failure(error, str(error.filename or "the local disk")) from error
                spent = time.monotonic() - start
                left = (self._patience.seconds if self._answered else self._patience.first) - spent
                if failure.kind not in (Kind.PASSING, Kind.EXPIRED) or left <= 0:
                    raise self._failed(verb, path, failure, tries, spent) from error
                if spent > _SAY_AFTER_SECONDS and not said:
                    said = True
                    print(f"  store: {failure.reason}; trying for {left:.0f} s more", file=sys.stderr, flush=True)
                if failure.kind is Kind.EXPIRED:
                    # Credentials in a file or from a service may have been renewed: read them again.
                    self._fs.connect(refresh=True)
                time.sleep(min(pause * random.uniform(0.5, 1.5), left))
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._answered = True
                return result

    def _failed(self, verb: str, path: str, failure: Failure, tries: int, spent: float) -> StoreError | UserError:
        where, again = self.locate(path), f" (tried {tries} times in {spent:.0f} s)" if tries > 1 else ""
        if failure.kind is Kind.UNSUPPORTED:
            return NoConditionalWritesError(f"cannot {verb}: {failure.reason}", where)
        if failure.kind is Kind.MISTAKE:
            return UserError(f"cannot {verb}: {failure.reason}", self.uri, failure.remedy)
        remedy = failure.remedy if self._answered else f"check AWS_ENDPOINT_URL and --store; else {failure.remedy}"
        return StoreError(f"cannot {verb}: {failure.reason}{again}", where, remedy)


class _RefusedError(Exception):
    """One of several objects was refused; told as the client tells of a refused request."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__()
        self.response = {"Error": error}


def _is_local(error: OSError) -> bool:
    """Say whether an error is of this machine's disk: one that is full in a download is not the server's fault."""
    from_here = error.__cause__ is None and not hasattr(error, "response")
    return from_here and (error.errno in (errno.ENOSPC, errno.EDQUOT) or None not in (error.filename, error.errno))


def _s3_options(patience: Patience) -> dict[str, Any]:
    return {
        "config_kwargs": {
            "retries": {"mode": "standard", "max_attempts": 3},
            "connect_timeout": 10,
            "read_timeout": max(2.0, min(60.0, patience.seconds / 5)),
            # Older servers refuse the checksums that newer clients add; our own records hold SHA-256.
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        },
        "max_concurrency": _PARTS_AT_ONCE,
        "default_block_size": _PART,
        # A store is shared: what was listed a moment ago says nothing.
        "use_listings_cache": False,
        "skip_instance_cache": True,
    }


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
