"""Storage on S3, or what speaks its language."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit

import s3fs
from botocore.handlers import add_expect_header
from fsspec.asyn import sync_wrapper
from fsspec.callbacks import Callback

from saga_core.artifacts.failures import Kind, classify
from saga_core.artifacts.remote_storage import RemoteStorage
from saga_core.artifacts.storage import Patience, Unfinished
from saga_core.errors import RefusedError, UserError
from saga_core.telling import tell

# Letters and underscores are more than Amazon allows, and what other servers have.
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_PART = 16 << 20
_PARTS_AT_ONCE = 4
# S3's own limit.
_REMOVED_AT_ONCE = 1000


# Where nobody configured them, Python prints their warnings with tracebacks; what matters comes as an exception.
for _library in ("botocore", "aiobotocore", "s3fs"):
    logging.getLogger(_library).addHandler(logging.NullHandler())


class _Client(s3fs.S3FileSystem):  # type: ignore[misc]
    """An S3 client that waits for an answer to a write no longer than to anything else.

    Botocore asks before it sends a body, and aiohttp waits for that first answer without any limit.
    """

    async def set_session(self, refresh: bool = False, kwargs: Any = None) -> Any:  # noqa: ANN401 - as in s3fs
        client = await super().set_session(refresh, kwargs or {})
        client.meta.events.unregister("before-call.s3", add_expect_header)
        return client

    _connect = set_session
    connect = sync_wrapper(set_session)


class S3Storage(RemoteStorage):
    """Objects below ``s3://bucket/prefix``.

    Args:
        uri: Bucket and prefix.
        patience: How long failures are tried again.

    Raises:
        UserError: The URI names no bucket, or has credentials in it.
    """

    def __init__(self, uri: str, patience: Patience) -> None:
        super().__init__(uri, patience)
        self._removes_many = True

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files, as far as they exist, many at once."""
        for start in range(0, len(paths), _REMOVED_AT_ONCE):
            some = paths[start : start + _REMOVED_AT_ONCE]
            if self._removes_many:
                try:
                    self._patiently("remove", some[0], partial(self._remove_many, some))
                    continue
                except RefusedError:
                    # Some servers know no such request, or want a checksum of it that newer clients do not send. Where
                    # one alone cannot be removed either, it was something else.
                    super().remove(some[:1])
                    self._removes_many = False
            super().remove(some)

    def url(self, path: str) -> str | None:
        """Return the file's URL at the endpoint, which may ask a browser for a right to read it."""
        endpoint = urlsplit(str(self._fs.s3.meta.endpoint_url))
        if endpoint.scheme not in ("http", "https") or not endpoint.hostname or "@" in endpoint.netloc:
            return None
        return f"{endpoint.scheme}://{endpoint.netloc}{endpoint.path.rstrip('/')}/{quote(self._full(path))}"

    def unfinished(self) -> list[Unfinished]:
        """Return the multipart uploads that nobody completed."""
        bucket, _, key = self._root.partition("/")

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
        uploads = self._patiently("list", "", ask, {Kind.UNSUPPORTED: nothing, Kind.DENIED: None})
        if uploads is None:
            tell("  store: no right to list unfinished uploads, so they are left alone")
            return []
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
                if classify(error).code != "NoSuchUpload":
                    raise

        self._patiently("remove", unfinished.path, abort)

    def _open(self, uri: str) -> tuple[Any, str]:
        if not _BUCKET.fullmatch(uri.partition("://")[2].split("/")[0]):
            raise UserError("no bucket is named", uri, "give s3://bucket/prefix")
        client = _Client(**_options(self._patience))
        # Botocore tries each request again, we each operation: a third layer in between multiplies both.
        client.retries = 1
        return client, uri.partition("://")[2].strip("/")

    def _renew(self) -> None:
        self._fs.connect(refresh=True)

    def _write(self, full: str, data: bytes, *, create: bool) -> None:
        bucket, _, key = full.partition("/")
        condition = {"IfNoneMatch": "*"} if create else {}
        if not self._fs.call_s3("put_object", Bucket=bucket, Key=key, Body=data, **condition).get("ETag"):
            # A page of HTML that says all is well, from something in between.
            raise ConnectionError("what answered is no S3 server")

    def _upload(self, file: str, full: str, callback: Callback) -> None:
        self._fs.put_file(file, full, callback=callback, chunksize=_PART)

    def _remove(self, full: str) -> None:
        bucket, _, key = full.partition("/")
        self._fs.call_s3("delete_object", Bucket=bucket, Key=key)

    def _remove_many(self, paths: Sequence[str]) -> None:
        # The client's own ``rm`` takes names for patterns, and says nothing of what S3 refused to remove.
        bucket = self._root.partition("/")[0]
        objects = [{"Key": self._full(path).partition("/")[2]} for path in paths]
        answer = self._fs.call_s3("delete_objects", Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        for error in answer.get("Errors") or ():
            if error.get("Code") != "NoSuchKey":
                raise _NotRemovedError(error)

    def _find(self, full: str) -> dict[str, dict[str, Any]]:
        bucket = full.split("/")[0]
        files = [found for contents, _ in self._pages(full, "") for found in contents]
        return {f"{bucket}/{f['Key']}": {**f, "size": f["Size"]} for f in files if not f["Key"].endswith("/")}

    def _names(self, full: str) -> list[str]:
        return [str(found["Prefix"]) for _, prefixes in self._pages(full, "/") for found in prefixes]

    def _pages(self, full: str, delimiter: str) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
        """Yield the objects and the common prefixes of each page of a listing.

        s3fs's own would take a page of HTML, from a proxy whose server is away, for an empty listing.
        """
        bucket, _, key = full.partition("/")
        asked = {"Bucket": bucket, "Prefix": f"{key}/" if key else "", "Delimiter": delimiter}
        while True:
            page = self._fs.call_s3("list_objects_v2", **asked)
            if not page.get("Name"):
                raise ConnectionError("what answered is no S3 server")
            yield page.get("Contents") or [], page.get("CommonPrefixes") or []
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]


class _NotRemovedError(Exception):
    """One of several objects was refused; told as the client tells of a refused request."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__()
        self.response = {"Error": error}


def _options(patience: Patience) -> dict[str, Any]:
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
