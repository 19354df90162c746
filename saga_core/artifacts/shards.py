"""Rows that are made in shards, each kept as soon as it is finished: who goes on loses at most one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from saga_core.artifacts.parallel import in_parallel
from saga_core.artifacts.partial import Partial
from saga_core.artifacts.tables import read_rows, write_rows
from saga_core.errors import DamagedArtifactError, StoreError
from saga_core.progress import Tick, progress
from saga_core.telling import tell

Item = TypeVar("Item")
Compute = Callable[[Sequence[Item], Tick], list[dict[str, Any]]]

_ROWS = "rows.parquet"
# A storage or a line that spoils every shard is no reason to make them for ever.
_ROUNDS = 3


@dataclass(frozen=True)
class Rows(Generic[Item]):
    """Rows that can be made in shards.

    Attributes:
        name: Of the work, unique among the stage's.
        items: What is worked on; the same items in the same order at every try.
        prepare: Loads what the work needs, once and only if there is some left, and returns what makes the rows of some
            items, in their order, and counts them by the tick that it is given.
        schema: Column to Arrow type name, as for ``write_rows``.
        unit: Name of a tick, plural, for the progress display.
        steps: Ticks an item.
    """

    name: str
    items: Sequence[Item]
    prepare: Callable[[], Compute[Item]]
    schema: Mapping[str, str]
    unit: str
    steps: int = 1

    def shards(self, size: int) -> dict[str, range]:
        """Return the shards of so many items, by the names of their pieces, in order."""
        starts = range(0, len(self.items), size)
        # The range is in the name: a shard of another size is another shard.
        parts = (range(start, min(start + size, len(self.items))) for start in starts)
        return {f"{self.name}-{part.start:08d}-{part.stop:08d}": part for part in parts}


class Shards(Generic[Item]):
    """The shards of one piece of work: which are there, and how to make those that are not.

    Args:
        partial: Where they are kept.
        rows: What is to be made.
        size: Items a shard.
    """

    def __init__(self, partial: Partial, rows: Rows[Item], size: int) -> None:
        self._partial, self._rows = partial, rows
        self._parts = rows.shards(size)
        self._made: dict[str, list[dict[str, Any]]] = {}
        self._counted: set[str] = set()
        self._compute: Compute[Item] | None = None
        self._tick: Tick | None = None

    def missing(self) -> list[str]:
        """Return the names of the shards that are not there now, in order, and count those that came since."""
        there = self._made.keys() | (set(self._partial.names()) & self._parts.keys())
        for name in there - self._counted:
            self._count(name)
        return [name for name in self._parts if name not in there]

    def make(self, names: Sequence[str]) -> None:
        """Make some shards in this process and keep each as soon as it is finished; shows how far these have come.

        Raises:
            StoreError: There is no such shard: whoever names it cuts the rows otherwise.
            LeaseLostError: Another process has taken over this work.
        """
        if unknown := [name for name in names if name not in self._parts]:
            what = f"no such shard of {self._rows.name}: {unknown[0]}"
            raise StoreError(what, self._partial.uri, "give all workers the same version and runtime.shard_rows")
        if self._tick is not None:
            self._make(names, self._tick)
            return
        # For another process, which shows the progress of the whole.
        ticks = self._rows.steps * sum(len(self._parts[name]) for name in names)
        with progress(self._rows.name, ticks, self._rows.unit) as tick:
            self._make(names, tick)

    def _make(self, names: Sequence[str], tick: Tick) -> None:
        for name in names:
            self._compute = self._compute or self._rows.prepare()
            part = self._parts[name]
            # Counted row by row, so not once more when it is found in the store.
            self._counted.add(name)
            made = self._compute(self._rows.items[part.start : part.stop], tick)
            with tempfile.TemporaryDirectory(prefix="saga-") as scratch:
                write_rows(Path(scratch) / _ROWS, made, self._rows.schema)
                self._partial.keep(name, Path(scratch))
            self._made[name] = made

    def fill(self, spread: Spread | None) -> list[dict[str, Any]]:
        """Return the rows of all shards, in order, after the missing ones were made: see ``make_rows``."""
        self._collect()
        total, before = (sum(len(self._parts[name]) for name in names) for names in (self._parts, self._made))
        if before and before < total:
            tell(f"  {self._rows.name}: {before} of {total} were kept, going on from there")
        self._counted = set(self._made)
        steps = self._rows.steps
        with progress(self._rows.name, steps * total, self._rows.unit, steps * before) as self._tick:
            for _ in range(_ROUNDS):
                if len(self._made) == len(self._parts):
                    return [row for name in self._parts for row in self._made[name]]
                if spread is None:
                    self.make([name for name in self._parts if name not in self._made])
                else:
                    spread(self)
                    self._collect()
        raise StoreError("shards are damaged again and again", self._partial.uri, "saga verify names what is damaged")

    def _collect(self) -> None:
        """Read what is in the store and not known here yet."""
        names = sorted(set(self._partial.names()) & (self._parts.keys() - self._made.keys()))
        read = in_parallel(lambda name: self._read(name, self._parts[name]), names)
        self._made |= {name: rows for name, rows in zip(names, read, strict=True) if rows is not None}

    def _read(self, name: str, part: range) -> list[dict[str, Any]] | None:
        """Return the rows of a complete shard, or None where it is none, although its manifest says so."""
        folder = self._partial.fetch(name, {_ROWS})
        if folder is None:
            return None
        with suppress(DamagedArtifactError):
            return read_rows(folder / _ROWS, self._rows.schema, len(part))
        tell(f"  {self._partial.uri}/{name}: not such a shard, so it is made again")
        self._partial.drop(name)
        return None

    def _count(self, name: str) -> None:
        self._counted.add(name)
        if self._tick is not None:
            self._tick(self._rows.steps * len(self._parts[name]))


# Sees to it that no shard is missing: has them made by whoever it knows, or makes them here.
Spread = Callable[[Shards[Any]], None]


def make_rows(partial: Partial, rows: Rows[Any], size: int, spread: Spread | None = None) -> list[dict[str, Any]]:
    """Return the rows of all items; those of complete shards are read, the others made and kept.

    Args:
        partial: Where the shards are kept.
        rows: What is to be made.
        size: Items a shard.
        spread: Has the missing shards made elsewhere; default: all are made here.

    Raises:
        StoreError: What is kept is found damaged, however often it is made again.
    """
    return Shards(partial, rows, size).fill(spread)
