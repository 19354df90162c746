"""Rows that are made in shards, each kept as soon as it is finished: who goes on loses at most one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from saga_core.artifacts.partial import Partial
from saga_core.artifacts.tables import read_rows, write_rows
from saga_core.errors import DamagedArtifactError
from saga_core.progress import Tick, progress
from saga_core.telling import tell

Item = TypeVar("Item")
Compute = Callable[[Sequence[Item], Tick], list[dict[str, Any]]]

_ROWS = "rows.parquet"


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


def make_rows(partial: Partial, rows: Rows[Any], size: int) -> list[dict[str, Any]]:
    """Return the rows of all items; those of complete shards are read, the others made and kept.

    Args:
        partial: Where the shards are kept.
        rows: What is to be made.
        size: Items a shard.
    """
    shards, there = rows.shards(size), set(partial.names())
    kept = {
        name: found for name, part in shards.items() if name in there and (found := _kept(partial, rows, name, part))
    }
    made = _make(partial, rows, shards, shards.keys() - kept.keys()) | kept
    return [row for name in shards for row in made[name]]


def _kept(partial: Partial, rows: Rows[Any], name: str, part: range) -> list[dict[str, Any]] | None:
    """Return the rows of a complete shard, or None where it is none, although its manifest says so."""
    folder = partial.fetch(name, {_ROWS})
    if folder is None:
        return None
    with suppress(DamagedArtifactError):
        return read_rows(folder / _ROWS, rows.schema, len(part))
    tell(f"  {partial.uri}/{name}: not such a shard, so it is made again")
    partial.drop(name)
    return None


def _make(
    partial: Partial, rows: Rows[Any], shards: Mapping[str, range], missing: Collection[str]
) -> dict[str, list[dict[str, Any]]]:
    """Make the missing ones among some shards, keep each, and return their rows."""
    total = sum(map(len, shards.values()))
    before = total - sum(len(shards[name]) for name in missing)
    if before:
        tell(f"  {rows.name}: {before} of {total} were kept, going on from there")
    made: dict[str, list[dict[str, Any]]] = {}
    with progress(rows.name, rows.steps * total, rows.unit, rows.steps * before) as tick:
        if not missing:
            return made
        compute = rows.prepare()
        for name, part in shards.items():
            if name in missing:
                made[name] = compute(rows.items[part.start : part.stop], tick)
                with tempfile.TemporaryDirectory(prefix="saga-") as scratch:
                    write_rows(Path(scratch) / _ROWS, made[name], rows.schema)
                    partial.keep(name, Path(scratch))
    return made
