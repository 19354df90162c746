"""One writer an artifact: a lease with heartbeat, expiry and fencing token, by conditional writes alone.

Below an artifact's folder::

    lease/00000007.json    the seventh holder, created only if there is none; its heartbeats write it again
    lease/00000007.end     how the seventh lease ended, created only if it has not: committed, released or fenced

The number is the fencing token. To commit is to create one's own ``.end`` with the record in it, to take over an
expired lease, or to collect what was left under it, is to create the *other's*: of the two exactly one succeeds, so a
writer that was paused past its expiry cannot commit, however late it wakes. A writer that dies between its ``.end`` and
its ``record.json`` has committed: who comes next writes the record for it.

A lease expires when whoever waits for it has looked for so long and seen no heartbeat. No clock but the waiter's own
counts, and only while the storage answers: after an outage the holder has all the time again.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from saga_core.artifacts.holder import Holder, read_holder
from saga_core.artifacts.storage import Entry, Patience, Storage, open_storage
from saga_core.errors import DamagedArtifactError, LeaseLostError, SagaError, StoreError

LEASES = "lease"

_BEATS_A_LEASE = 4
_READS = 4
# Whoever is faster ends the race, so that many in vain are due to something else.
_TRIES = 100
# One look decides, by the storage's clock: so a holder that is slow must not be taken for one that is gone.
_LEASES_OF_GRACE = 5


@dataclass(frozen=True)
class Standing:
    """A lease that another process holds.

    Attributes:
        holder: That process, or None where it cannot be told.
        silent: Seconds in which it was looked for in vain.
        expires: Seconds until the lease can be taken over if it stays silent.
    """

    holder: Holder | None
    silent: float
    expires: float

    def __str__(self) -> str:
        """Return who it is, for people."""
        return f"{self.holder or 'another process'} (last heard of {self.silent:.0f} s ago)"


@dataclass(frozen=True)
class Committed:
    """The last lease ended with a commit.

    Attributes:
        record: The record that was committed, as JSON.
    """

    record: dict[str, Any]


class Waiting:
    """What this process has seen of the leases that it waits for.

    Args:
        seconds: A lease expires after so long without a heartbeat.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._seen: dict[str, tuple[tuple[int, float], float, float]] = {}

    def silence(self, folder: str, number: int, beat: float) -> float:
        """Return for how long a lease was looked at without a new heartbeat, seconds.

        Args:
            folder: The artifact's folder.
            number: The lease.
            beat: Its last heartbeat, by whatever clock.
        """
        now, mark = time.monotonic(), (number, beat)
        seen, since, looked = self._seen.get(folder, (mark, now, now))
        # In a gap, such as an outage or a suspended machine, nothing could have been seen.
        if seen != mark or now - looked > self.seconds / 2:
            since = now
        self._seen[folder] = (mark, since, now)
        return now - since


class Lease:
    """A lease of this process; its heartbeat runs in a thread of its own until the lease ends.

    Args:
        storage: Where it lies.
        folder: The artifact's folder.
        number: Fencing token.
        holder: This process.
        seconds: The lease expires after so long without a heartbeat.
    """

    def __init__(self, storage: Storage, folder: str, number: int, holder: Holder, seconds: float) -> None:
        self._storage, self._folder, self._holder = storage, folder, holder
        self.number = number
        self._every = seconds / _BEATS_A_LEASE
        self._lost = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="saga-lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise when another process is known to have taken over, so that work in vain stops early.

        Raises:
            LeaseLostError: It has.
        """
        if self._lost.is_set():
            raise LeaseLostError("another process has taken over", self._storage.locate(self._folder))

    def commit(self, record: dict[str, Any]) -> None:
        """End the lease with a record: from here on it counts.

        Raises:
            LeaseLostError: Another process has taken over; the record does not count.
        """
        if not self._is_mine(self._storage) or not self._end({"committed": record}):
            self._lost.set()
            self.check()

    def is_newest(self) -> bool:
        """Say whether no lease was taken after this one: whose record replaces another must be the last to have it."""
        return max(_read(self._storage.files(f"{self._folder}/{LEASES}"))[0], default=0) == self.number

    def release(self) -> None:
        """End the lease without a record, so that nobody waits for it; a storage that is away lets it expire."""
        if not self._ended.is_set():
            with suppress(SagaError):
                self._end({"released": True})
        self.stop()

    def stop(self) -> None:
        """End the heartbeat."""
        self._ended.set()
        self._thread.join(timeout=1)

    def _end(self, how: dict[str, Any]) -> bool:
        won = self._storage.create(_end_path(self._folder, self.number), _encode(how))
        self._ended.set()
        return won

    def _is_mine(self, storage: Storage) -> bool:
        """Say whether the number is still this lease's.

        Who was silent until everything was collected, the fence that told so included, may find it gone, or another's.
        """
        path = _path(self._folder, self.number)
        # A connection may spoil what the storage holds whole.
        return any(read_holder(storage, path) == self._holder for _ in range(_READS))

    def _beat(self) -> None:
        storage: Storage | None = None
        while not self._ended.wait(self._every):
            # Whatever happens to one heartbeat, the next makes up for it; if none gets through, the commit is refused.
            with suppress(Exception):
                # A connection of its own: a request that hangs must not take as long as the lease.
                storage = storage or open_storage(self._storage.uri, Patience(self._every, self._every))
                numbers, ends, _ = _read(storage.files(f"{self._folder}/{LEASES}"))
                if self._ended.is_set():
                    return
                if max(numbers, default=0) != self.number or self.number in ends or not self._is_mine(storage):
                    self._lost.set()
                    return
                storage.write(_path(self._folder, self.number), self._holder.model_dump_json().encode())


def acquire(
    storage: Storage, folder: str, holder: Holder, waiting: Waiting, *, redo: bool = False, present: str | None = None
) -> Lease | Standing | Committed:
    """Take the lease of an artifact's folder, if it is free or has expired.

    Args:
        storage: Where the artifact belongs.
        folder: The artifact's folder.
        holder: This process.
        waiting: What was seen of leases so far.
        redo: The artifact is made again although it is there, or because it is damaged: an earlier commit is no answer.
        present: Attempt of the sound artifact that is made again; a commit of another one, which nobody has written the
            record of, is an answer.

    Returns:
        The lease; or who holds it; or what the last holder committed.

    Raises:
        StoreError: Something that is no lease is in the place of one.
    """
    for _ in range(_TRIES):
        numbers, ends, beats = _read(storage.files(f"{folder}/{LEASES}"))
        last = max(numbers, default=0)
        if last in ends:
            committed = _committed(storage, folder, last)
            known = redo and present in (None, (committed or {}).get("attempt"))
            if committed is not None and not known:
                return Committed(committed)
        elif last:
            before, silent = read_holder(storage, _path(folder, last)), waiting.silence(folder, last, beats[last])
            if silent < waiting.seconds and not (before and before.is_gone()):
                return Standing(before, silent, waiting.seconds - silent)
            if not storage.create(_end_path(folder, last), _encode({"fenced": holder.model_dump()})):
                # It has ended in this moment, perhaps by a commit.
                continue
        if storage.create(_path(folder, last + 1), holder.model_dump_json().encode()):
            return Lease(storage, folder, last + 1, holder, waiting.seconds)
        # Someone else was faster.
    raise StoreError("no lease can be taken", storage.locate(f"{folder}/{LEASES}"), "remove what is in its place")


def check_held(storage: Storage, folder: str, number: int) -> None:
    """Raise unless a lease is the newest and goes on: for a process that works for its holder.

    Args:
        storage: Where it lies.
        folder: The artifact's folder.
        number: Fencing token of the lease.

    Raises:
        LeaseLostError: It has ended, or another process has taken over.
    """
    numbers, ends, _ = _read(storage.files(f"{folder}/{LEASES}"))
    if number in ends or max(numbers, default=0) != number:
        raise LeaseLostError("the run that asked for this has ended, or another took over", storage.locate(folder))


def fence(storage: Storage, folder: str, before: Sequence[Entry], holder: Holder) -> bool:
    """See to it that whoever was silent for long cannot commit, and say whether nothing has happened meanwhile.

    Args:
        storage: Where the artifact belongs.
        folder: The artifact's folder.
        before: The files of its leases as they were when it was decided to do so.
        holder: This process.
    """
    numbers, ends, _ = _read(before)
    if (numbers, ends) != _read(storage.files(f"{folder}/{LEASES}"))[:2]:
        return False
    last = max(numbers, default=0)
    return not last or last in ends or storage.create(_end_path(folder, last), _encode({"fenced": holder.model_dump()}))


def last_commit(storage: Storage, folder: str, entries: Sequence[Entry]) -> dict[str, Any] | None:
    """Return the record with which the last lease ended, as JSON, or None where it ended otherwise or goes on.

    Args:
        storage: Where the artifact belongs.
        folder: The artifact's folder.
        entries: The files of its leases.
    """
    numbers, ends, _ = _read(entries)
    last = max(numbers, default=0)
    return _committed(storage, folder, last) if last in ends else None


def running_lease(entries: Sequence[Entry], seconds: float, now: float) -> str | None:
    """Return the path of the lease that is held, as far as one look tells, or None.

    Args:
        entries: The files of a folder's leases.
        seconds: How long a lease lasts without a heartbeat.
        now: The storage's time.
    """
    numbers, ends, beats = _read(entries)
    last = max(numbers, default=0)
    if not last or last in ends or now - beats[last] >= _LEASES_OF_GRACE * seconds:
        return None
    return next(e.path for e in entries if e.path.endswith(f"/{_name(last)}.json"))


def _committed(storage: Storage, folder: str, number: int) -> dict[str, Any] | None:
    # What says nothing is no commit; but a connection may spoil what the storage holds whole.
    for _ in range(_READS):
        with suppress(ValueError, RecursionError, DamagedArtifactError):
            value = json.loads(storage.read(_end_path(folder, number)) or b"{}")
            if isinstance(value, dict) and value.keys() in ({"released"}, {"fenced"}):
                return None
            if isinstance(value, dict) and isinstance(value.get("committed"), dict):
                return dict(value["committed"])
    return None


def _read(entries: Sequence[Entry]) -> tuple[set[int], set[int], dict[int, float]]:
    """Return the numbers of the leases, of those that ended, and the last heartbeats."""
    numbers, ends, beats = set(), set(), {}
    for entry in entries:
        name, _, kind = entry.path.rsplit("/", 1)[-1].partition(".")
        if not name.isdecimal() or kind not in ("json", "end"):
            continue
        # Of a lease that was collected the end alone may be left.
        numbers.add(int(name))
        if kind == "json":
            beats[int(name)] = entry.modified
        else:
            ends.add(int(name))
    return numbers, ends, beats


def _name(number: int) -> str:
    return f"{number:08d}"


def _path(folder: str, number: int) -> str:
    return f"{folder}/{LEASES}/{_name(number)}.json"


def _end_path(folder: str, number: int) -> str:
    return f"{folder}/{LEASES}/{_name(number)}.end"


def _encode(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()
