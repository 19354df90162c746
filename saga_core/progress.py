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
from saga_core.watching import Counter, Position, watched

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
    counter = Counter(what, total, unit, done)
    with watched(counter):
        if not sys.stderr.isatty():
            lines = _PlainLines(counter)
            yield lines
            lines.close()
            return
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

            def tick(done: int = 1) -> None:
                counter.add(done)
                bar.advance(task, done)

            yield tick


class _PlainLines:
    """Prints a line every few seconds, and one at the end."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._last = time.monotonic()
        self._printed = counter.position().done
        self._every = seconds("SAGA_PROGRESS_SECONDS", _LINE_EVERY_SECONDS, 0, 86_400)

    def __call__(self, done: int = 1) -> None:
        self._counter.add(done)
        position = self._counter.position()
        if time.monotonic() - self._last >= self._every or position.done == position.total:
            self._print(position)

    def close(self) -> None:
        """Print how far it came, unless that was said."""
        position = self._counter.position()
        if position.done > self._printed:
            self._print(position)

    def _print(self, position: Position) -> None:
        self._last, self._printed = time.monotonic(), position.done
        tell(f"  {position}")
