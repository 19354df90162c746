"""Progress of a long stage: a bar at a terminal, plain lines elsewhere; counts, rate and time left in both."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from saga_core.environment import seconds
from saga_core.telling import tell

_LINE_EVERY_SECONDS = 5.0


class Tick(Protocol):
    """What a stage calls as it gets on."""

    def __call__(self, done: int = 1) -> None:
        """Count ``done`` more units as finished."""


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} {task.fields['unit']}/s" if task.speed else f"- {task.fields['unit']}/s")


@contextmanager
def progress(what: str, total: int | None, unit: str, done: int = 0) -> Iterator[Tick]:
    """Show the progress of ``total`` units of work on standard error.

    Args:
        what: What is being done, such as ``candidates``.
        total: Number of units in all; None where it is not known before.
        unit: Name of a unit, plural, such as ``rows``.
        done: Units that were finished before; they count for no rate.

    Yields:
        A function to call with the number of units that were just finished.
    """
    if sys.stderr.isatty():
        with Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Rate(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as bar:
            task = bar.add_task(what, total=total, completed=done, unit=unit)
            yield lambda done=1: bar.advance(task, done)
        return
    lines = _PlainLines(what, total, unit, done)
    yield lines
    lines.close()


class _PlainLines:
    """Prints a line every few seconds, and one at the end."""

    def __init__(self, what: str, total: int | None, unit: str, done: int) -> None:
        self._what, self._total, self._unit = what, total, unit
        self._start = self._last = time.monotonic()
        self._count = self._printed = self._before = done
        self._every = seconds("SAGA_PROGRESS_SECONDS", _LINE_EVERY_SECONDS, 0, 86_400)

    def __call__(self, done: int = 1) -> None:
        self._count += done
        if time.monotonic() - self._last >= self._every or self._count == self._total:
            self._print()

    def close(self) -> None:
        """Print how far it came, unless that was said."""
        if self._count > self._printed:
            self._print()

    def _print(self) -> None:
        now = time.monotonic()
        self._last, self._printed = now, self._count
        rate = (self._count - self._before) / max(now - self._start, 1e-9)
        counts, left = f"{self._count}", ""
        if self._total is not None:
            counts = f"{self._count}/{self._total}"
            left = f", {(self._total - self._count) / max(rate, 1e-9):.0f} s left"
        tell(f"  {self._what}: {counts} {self._unit}, {rate:.1f} {self._unit}/s{left}")
