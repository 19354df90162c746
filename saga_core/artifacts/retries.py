"""Doing something with a remote store until it works, a deadline passes, or trying again makes no sense."""

from __future__ import annotations

import errno
import math
import random
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from saga_core.artifacts.failures import Failure, Kind, classify
from saga_core.artifacts.local_storage import storage_failure
from saga_core.artifacts.storage import Patience
from saga_core.errors import RefusedError, StoreError, UserError
from saga_core.telling import tell

Result = TypeVar("Result")

_SAY_AFTER_SECONDS = 5.0
_SAY_EVERY_SECONDS = 30.0
_LONGEST_PAUSE = 15.0

_ANOTHER_DISK = "let TMPDIR and XDG_CACHE_HOME name another disk"


class Retries:
    """Tries again with growing pauses what fails for a reason that may pass.

    Args:
        uri: Of the store, for errors.
        patience: How long it is tried.
        renew: Has the credentials read again.
    """

    def __init__(self, uri: str, patience: Patience, renew: Callable[[], None]) -> None:
        self._uri, self._patience, self._renew = uri, patience, renew
        # Before the first answer a mistake is likelier than an outage.
        self._answered = False
        self._said = -math.inf

    def hurry(self) -> None:
        """Try everything but once from now on."""
        self._patience = Patience(seconds=0.0, first=0.0)

    def __call__(
        self, verb: str, path: str, operation: Callable[[], Result], meanings: Mapping[Kind, Result] | None = None
    ) -> Result:
        """Do an operation, and again while it fails for a reason that may pass.

        Args:
            verb: What is being done, for the error.
            path: To what, relative to the store.
            operation: Must give the same result when done twice.
            meanings: Results of failures that are an answer.

        Raises:
            UserError: Nothing was ever answered, because of a mistake in what the user gave.
            StoreError: The deadline passed, or the failure will not pass.
        """
        start, pause, tries, renewing = time.monotonic(), 0.25, 0, False
        while True:
            tries += 1
            try:
                if renewing:
                    # Credentials in a file or from a service may be other ones by now.
                    renewing = False
                    self._renew()
                result = operation()
            except Exception as error:
                failure = classify(error)
                if meanings is not None and failure.kind in meanings:
                    self._answered = True
                    return meanings[failure.kind]
                if isinstance(error, OSError) and _is_local(error):
                    where = str(error.filename or "the local disk")
                    raise storage_failure(error, where, instead=_ANOTHER_DISK) from error
                spent = time.monotonic() - start
                left = (self._patience.seconds if self._answered else self._patience.first) - spent
                renewing = failure.kind is Kind.EXPIRED or (failure.kind is Kind.CREDENTIALS and self._answered)
                if not (renewing or failure.kind is Kind.PASSING) or left <= 0:
                    raise self._failed(verb, path, failure, tries, spent) from error
                if spent > _SAY_AFTER_SECONDS and time.monotonic() - self._said > _SAY_EVERY_SECONDS:
                    self._said = time.monotonic()
                    tell(f"  store: {failure.reason}; trying for {left:.0f} s more")
                time.sleep(min(pause * random.uniform(0.5, 1.5), left))
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._answered = True
                return result

    def _failed(self, verb: str, path: str, failure: Failure, tries: int, spent: float) -> StoreError | UserError:
        where, again = f"{self._uri}/{path}", f" (tried {tries} times in {spent:.0f} s)" if tries > 1 else ""
        if failure.kind in (Kind.MISTAKE, Kind.CREDENTIALS) and not self._answered:
            return UserError(f"cannot {verb}: {failure.reason}", self._uri, failure.remedy)
        remedy = failure.remedy if self._answered else f"check AWS_ENDPOINT_URL and --store; else {failure.remedy}"
        kind = StoreError if failure.kind in (Kind.PASSING, Kind.EXPIRED) else RefusedError
        return kind(f"cannot {verb}: {failure.reason}{again}", where, remedy)


def _is_local(error: OSError) -> bool:
    """Say whether an error is of this machine's disk: one that is full in a download is not the server's fault."""
    from_here = error.__cause__ is None and not hasattr(error, "response")
    return from_here and (error.errno in (errno.ENOSPC, errno.EDQUOT) or None not in (error.filename, error.errno))
