"""What a storage can do, found out by trying: does a conditional write have one winner, and what time is it there?

Several S3 servers accept ``If-None-Match`` and ignore it, or honour it only while nobody else writes. So writers race.
"""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Barrier

from saga_core.artifacts.storage import Storage
from saga_core.errors import RefusedError, StoreError

FOLDER = "probe"

_RACES = 3
_RACERS = 8


@dataclass(frozen=True)
class Capabilities:
    """What a storage was found to do.

    Attributes:
        conditional_writes: Whether exactly one of several writers creates a file.
        ahead: The storage's clock less this process's monotonic one, seconds: machines' clocks differ, theirs is one.
    """

    conditional_writes: bool
    ahead: float

    def now(self) -> float:
        """Return the storage's time, seconds since 1970."""
        return _uptime() + self.ahead


def probe(storage: Storage) -> Capabilities:
    """Find out what a storage can do, by writing a few small files and removing them.

    Raises:
        SagaError: The storage cannot be written to, read or listed.
    """
    folder = f"{FOLDER}/{secrets.token_hex(8)}"
    conditional = True
    with ThreadPoolExecutor(_RACERS) as threads:
        for race in range(_RACES):
            try:
                conditional = conditional and _one_wins(storage, f"{folder}/{race}", threads)
            except RefusedError:
                # Whether it refuses the condition or the write shows in the next one, which has none.
                conditional = False
    storage.write(f"{folder}/clock", b"{}")
    written = _uptime()
    files = storage.files(folder)
    clock = next((entry.modified for entry in files if entry.path.endswith("/clock")), None)
    if clock is None:
        raise StoreError("what was written is not in the listing", storage.locate(folder), "use another store")
    # Only what this probe left is removed; and what cannot be removed is small, and saga gc finds it.
    with suppress(StoreError):
        storage.remove([entry.path for entry in files])
    # Where no heartbeat can be seen there are no leases.
    return Capabilities(conditional and clock > 0, clock - written)


def _one_wins(storage: Storage, path: str, threads: ThreadPoolExecutor) -> bool:
    start = Barrier(_RACERS)

    def race(number: int) -> bool:
        start.wait()
        return storage.create(path, str(number).encode())

    winners = [number for number, won in enumerate(threads.map(race, range(_RACERS))) if won]
    return len(winners) == 1 and storage.read(path) == str(winners[0]).encode()


def _uptime() -> float:
    # Python's monotonic clock stands still while a machine is suspended.
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
