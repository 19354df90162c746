"""How far a long piece of work has come, and who else wants to know: a callback every few seconds, from a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from saga_core.telling import tell

_EVERY_SECONDS = 5.0
# Whoever watches may be slow; the work does not wait longer than this for its last word to be taken.
_LAST_WORD_SECONDS = 5.0


@dataclass(frozen=True)
class Position:
    """How far a piece of work has come.

    Attributes:
        what: What is being done, such as ``candidates``.
        unit: Name of a unit, plural, such as ``rows``.
        done: Units that are finished.
        total: Units in all; None where it is not known.
        rate: Units a second since it began; what was finished before counts for none.
        left: Seconds left at that rate; None where it is not known.
    """

    what: str
    unit: str
    done: int
    total: int | None
    rate: float
    left: float | None

    def __str__(self) -> str:
        counts = f"{self.done}" if self.total is None else f"{self.done}/{self.total}"
        left = "" if self.left is None else f", {self.left:.0f} s left"
        return f"{self.what}: {counts} {self.unit}, {self.rate:.1f} {self.unit}/s{left}"


class Counter:
    """Counts units of work; may be told of them, and asked, by several threads.

    Args:
        what: What is being done.
        total: Units in all; None where it is not known.
        unit: Name of a unit, plural.
        done: Units that were finished before.
    """

    def __init__(self, what: str, total: int | None, unit: str, done: int = 0) -> None:
        self._what, self._total, self._unit, self._before = what, total, unit, done
        self._lock = threading.Lock()
        self._start = time.monotonic()
        self._done = done

    def add(self, done: int) -> None:
        """Count ``done`` more units as finished."""
        with self._lock:
            self._done += done

    def position(self) -> Position:
        """Return how far it has come by now."""
        done = self._done
        rate = (done - self._before) / max(time.monotonic() - self._start, 1e-9)
        known = self._total is not None and (rate > 0 or done == self._total)
        left = (self._total - done) / max(rate, 1e-9) if known and self._total is not None else None
        return Position(self._what, self._unit, done, self._total, rate, left)


class _Watch:
    """Calls back from a thread of its own with the position of what was begun last."""

    def __init__(self, callback: Callable[[Position], None], every: float) -> None:
        self._callback, self._every = callback, every
        self._counters: list[Counter] = []
        self._last: Counter | None = None
        self._over = threading.Event()
        self._told_of_failure = False
        self._thread = threading.Thread(target=self._run, name="saga-watching", daemon=True)
        self._thread.start()

    def begin(self, counter: Counter) -> None:
        self._counters.append(counter)
        self._last = counter

    def end(self, counter: Counter) -> None:
        self._counters.remove(counter)
        # Within a long work a short one, such as an upload, may come and go.
        self._last = self._counters[-1] if self._counters else counter

    def close(self) -> None:
        self._over.set()
        self._thread.join(_LAST_WORD_SECONDS)

    def _run(self) -> None:
        before = None
        over = False
        while not over:
            over = self._over.wait(self._every)
            now = self._last.position() if self._last else None
            if now is not None and (over or now.done != before):
                before = now.done
                self._call(now)

    def _call(self, position: Position) -> None:
        try:
            self._callback(position)
        except Exception as error:
            # The work goes on, whoever cannot hear of it.
            if not self._told_of_failure:
                self._told_of_failure = True
                tell(f"  {position.what}: its progress is not shown elsewhere: {type(error).__name__}: {error}")


_WATCH: ContextVar[_Watch | None] = ContextVar("saga_watch", default=None)


@contextmanager
def watching(callback: Callable[[Position], None], every: float = _EVERY_SECONDS) -> Iterator[None]:
    """Have a callback told, every few seconds and at the end, how far the work in this block has come.

    The work is whatever ``saga_core.progress`` shows meanwhile in this thread. The callback runs in a thread of its
    own; one that fails is told of once and called again, and one that hangs holds the work up for at most five seconds.

    Args:
        callback: Called with each new position.
        every: Seconds between two calls.
    """
    watch = _Watch(callback, every)
    token = _WATCH.set(watch)
    try:
        yield
    finally:
        _WATCH.reset(token)
        watch.close()


@contextmanager
def watched(counter: Counter) -> Iterator[None]:
    """Let whoever is watching this thread see a counter."""
    watch = _WATCH.get()
    if watch is None:
        yield
        return
    watch.begin(counter)
    try:
        yield
    finally:
        watch.end(counter)
