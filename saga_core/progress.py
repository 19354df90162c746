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

_LINE_EVERY_SECONDS = 5.0


class Tick(Protocol):
    """What a stage calls as it gets on."""

    def __call__(self, done: int = 1) -> None:
        """Count ``done`` more units as finished."""


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.1f} {task.fields['unit']}/s" if task.speed else f"- {task.fields['unit']}/s")


@contextmanager
def progress(what: str, total: int, unit: str) -> Iterator[Tick]:
    """Show the progress of ``total`` units of work on standard error.

    Args:
        what: What is being done, such as ``candidates``.
        total: Number of units in all.
        unit: Name of a unit, plural, such as ``rows``.

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
            task = bar.add_task(what, total=total, unit=unit)
            yield lambda done=1: bar.advance(task, done)
        return
    yield _plain_lines(what, total, unit)


def _plain_lines(what: str, total: int, unit: str) -> Tick:
    start = last = time.monotonic()
    count = 0

    def tick(done: int = 1) -> None:
        nonlocal last, count
        count += done
        now = time.monotonic()
        if now - last < _LINE_EVERY_SECONDS and count < total:
            return
        last = now
        rate = count / max(now - start, 1e-9)
        left = (total - count) / rate if rate else 0.0
        print(f"  {what}: {count}/{total} {unit}, {rate:.1f} {unit}/s, {left:.0f} s left", file=sys.stderr, flush=True)

    return tick
