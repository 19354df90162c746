"""One writer an artifact: a lease with heartbeat, expiry and fencing token, by conditional writes alone.

Below an artifact's folder::

    lease/00000007.json    the seventh holder, created only if there is none; its heartbeats write it again
    lease/00000007.end     how the seventh lease ended, created only if it has not: committed, released or fenced

The number is the fencing token. To commit is to create one's own ``.end`` with the record in it, to take over an
expired lease, or to collect what was left under it, is to create the *other's*: of the two exactly one succeeds, so a
writer that was paused past its expiry cannot commit, however late it wakes. A writer that dies between its ``.end`` and
its ``record.json`` has committed: who comes next writes the record for it.
"""

from __future__ import annotations

import json
import os
import platform
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from saga_core.artifacts.capabilities import Capabilities
from saga_core.artifacts.fingerprint import digest
from saga_core.artifacts.storage import Entry, Storage
from saga_core.errors import LeaseLostError, SagaError

LEASES = "lease"

_BEATS_A_LEASE = 4


class Holder(BaseModel):
    """Who holds a lease, and what for.

    Attributes:
        host: Name of the machine, for people.
        machine: Digest that tells machines, and containers on one machine, apart.
        pid: Process, as numbered there.
        started: When that process was started, by its own machine's count, so that a reused number is another.
        recipe: What the run makes.
        inputs: Stage and key of every artifact that the work reads: they must not be removed meanwhile.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    machine: str
    pid: int
    started: str
    recipe: str
    inputs: tuple[tuple[str, str], ...]

    @classmethod
    def this(cls, recipe: str, inputs: tuple[tuple[str, str], ...]) -> Holder:
        """Return this process as a holder."""
        return cls(
            host=platform.node(),
            machine=_machine(),
            pid=os.getpid(),
            started=_process_start(os.getpid()) or "",
            recipe=recipe,
            inputs=inputs,
        )

    def is_gone(self) -> bool:
        """Say whether the holder was a process of this machine that has ended."""
        if not self.started or self.machine != _machine():
            return False
        started = _process_start(self.pid)
        return started is None or started not in ("", self.started)


@dataclass(frozen=True)
class Standing:
    """A lease that another process holds.

    Attributes:
        holder: That process, or None where it cannot be told.
        silent: Seconds since its last heartbeat.
        expires: Seconds until the lease can be taken over if it stays silent.
    """

    holder: Holder | None
    silent: float
    expires: float

    def __str__(self) -> str:
        """Return who it is, for people."""
        who = f"process {self.holder.pid} on {self.holder.host}" if self.holder else "another process"
        return f"{who} (last heard of {self.silent:.0f} s ago)"


@dataclass(frozen=True)
class Committed:
    """The last lease ended with a commit.

    Attributes:
        record: The record that was committed, as JSON.
    """

    record: dict[str, Any]


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
        # Whose lease is gone was silent until its work was removed, with the fence that told so.
        there = self._storage.read(_path(self._folder, self.number)) is not None
        if not there or not self._end({"committed": record}):
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

    def _beat(self) -> None:
        while not self._ended.wait(self._every):
            # A heartbeat that fails is made up for by the next; if none gets through, the commit is refused.
            with suppress(SagaError):
                numbers, ends, _ = _read(self._storage.files(f"{self._folder}/{LEASES}"))
                if self._ended.is_set():
                    return
                if max(numbers, default=0) != self.number or self.number in ends:
                    self._lost.set()
                    return
                self._storage.write(_path(self._folder, self.number), self._holder.model_dump_json().encode())


def acquire(
    storage: Storage, folder: str, holder: Holder, seconds: float, capabilities: Capabilities, *, redo: bool = False
) -> Lease | Standing | Committed:
    """Take the lease of an artifact's folder, if it is free or has expired.

    Args:
        storage: Where the artifact belongs.
        folder: The artifact's folder.
        holder: This process.
        seconds: A lease expires after so long without a heartbeat.
        capabilities: For the storage's clock.
        redo: The artifact is made again although it is there, or because it is damaged: an earlier commit is no answer.

    Returns:
        The lease; or who holds it; or what the last holder committed.
    """
    while True:
        entries = storage.files(f"{folder}/{LEASES}")
        numbers, ends, times = _read(entries)
        last = max(numbers, default=0)
        if last in ends:
            committed = _decode(storage.read(_end_path(folder, last))).get("committed")
            if isinstance(committed, dict) and not redo:
                return Committed(committed)
        elif last:
            before, silent = _holder(storage, folder, last), capabilities.now() - times[last]
            if silent < seconds and not (before and before.is_gone()):
                return Standing(before, max(silent, 0.0), max(seconds - silent, 0.0))
            if not storage.create(_end_path(folder, last), _encode({"fenced": holder.model_dump()})):
                # It has ended in this moment, perhaps by a commit.
                continue
        if storage.create(_path(folder, last + 1), holder.model_dump_json().encode()):
            return Lease(storage, folder, last + 1, holder, seconds)
        # Someone else was faster.


def disown(storage: Storage, folder: str, holder: Holder) -> None:
    """See to it that an earlier commit is not taken for an answer: its record was put aside.

    Args:
        storage: Where the artifact belongs.
        folder: The artifact's folder.
        holder: This process.
    """
    numbers, ends, _ = _read(storage.files(f"{folder}/{LEASES}"))
    last = max(numbers, default=0)
    if last in ends and storage.create(_path(folder, last + 1), holder.model_dump_json().encode()):
        storage.create(_end_path(folder, last + 1), _encode({"released": True}))


def fence(storage: Storage, folder: str, holder: Holder) -> bool:
    """See to it that whoever was silent past its expiry cannot commit, and say whether it had not done so.

    Args:
        storage: Where the artifact belongs.
        folder: The artifact's folder.
        holder: This process.
    """
    numbers, ends, _ = _read(storage.files(f"{folder}/{LEASES}"))
    last = max(numbers, default=0)
    return not last or last in ends or storage.create(_end_path(folder, last), _encode({"fenced": holder.model_dump()}))


def standing_leases(entries: list[Entry], seconds: float, now: float) -> list[str]:
    """Return the paths of the leases that are held and have not expired, of files as ``Storage.files`` gives them."""
    found = []
    folders = {e.path.rsplit(f"/{LEASES}/", 1)[0] for e in entries if f"/{LEASES}/" in e.path}
    for folder in sorted(folders):
        numbers, ends, times = _read([e for e in entries if e.path.startswith(f"{folder}/{LEASES}/")])
        last = max(numbers, default=0)
        if last and last not in ends and now - times[last] < seconds:
            found.append(_path(folder, last))
    return found


def read_holder(storage: Storage, path: str) -> Holder | None:
    """Return the holder that a lease's file names, or None where it names none."""
    try:
        return Holder.model_validate_json(storage.read(path) or b"")
    except ValidationError:
        return None


def _holder(storage: Storage, folder: str, number: int) -> Holder | None:
    return read_holder(storage, _path(folder, number))


def _read(entries: list[Entry]) -> tuple[set[int], set[int], dict[int, float]]:
    """Return the numbers of the leases, of those that ended, and the last heartbeats."""
    numbers, ends, times = set(), set(), {}
    for entry in entries:
        name, _, kind = entry.path.rsplit("/", 1)[-1].partition(".")
        if name.isdecimal() and kind in ("json", "end"):
            # Of a lease that was collected the end alone may be left.
            numbers.add(int(name))
        if name.isdecimal() and kind == "json":
            times[int(name)] = entry.modified
        elif name.isdecimal() and kind == "end":
            ends.add(int(name))
    return numbers, ends, times


def _path(folder: str, number: int) -> str:
    return f"{folder}/{LEASES}/{number:08d}.json"


def _end_path(folder: str, number: int) -> str:
    return f"{folder}/{LEASES}/{number:08d}.end"


def _encode(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode()


def _decode(data: bytes | None) -> dict[str, Any]:
    try:
        value = json.loads(data or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _machine() -> str:
    """Tell machines apart by their boot, and containers, whose processes are numbered anew, by their namespace."""
    marks = [platform.node()]
    with suppress(OSError):
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        marks.append(os.readlink("/proc/self/ns/pid"))
    return digest(marks)[:32]


def _process_start(pid: int) -> str | None:
    """Return when a process of this machine was started, in clock ticks since boot, or None where it has ended."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None if _has_ended(pid) else ""
    except OSError:
        return ""
    fields = status.rpartition(")")[2].split()
    # A zombie writes nothing any more.
    return None if fields[0] == "Z" else fields[19]


def _has_ended(pid: int) -> bool:
    """Say whether there is no such process; /proc may hide those of other users."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
