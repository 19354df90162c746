"""Rows that are made in shards, each kept as soon as it is finished: who goes on loses at most one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from saga_core.artifacts.partial import Partial
from saga_core.artifacts.tables import read_rows, write_rows
from saga_core.errors import DamagedArtifactError
from saga_core.progress import Tick, progress
from saga_core.telling import tell

Item = TypeVar("Item")

_ROWS = "rows.parquet"


def rows_in_shards(
    partial: Partial,
    name: str,
    items: Sequence[Item],
    compute: Callable[[Sequence[Item], Tick], list[dict[str, Any]]],
    schema: Mapping[str, str],
    size: int,
    unit: str,
    steps: int = 1,
) -> list[dict[str, Any]]:
    """Return the rows of all items; those of complete shards are read, the others computed and kept.

    Args:
        partial: Where the shards are kept.
        name: Of the work, unique among the stage's.
        items: What is worked on; the same items in the same order at every try.
        compute: Returns the rows of some items, in their order, and counts them by the tick it is given.
        schema: Column to Arrow type name, as for ``write_rows``.
        size: Items a shard.
        unit: Name of a tick, plural, for the progress display.
        steps: Ticks an item.
    """
    rows: list[dict[str, Any]] = []
    there = set(partial.names())
    names = {start: _name(name, start, min(start + size, len(items))) for start in range(0, len(items), size)}
    kept = {start: made for start, name in names.items() if name in there and (made := _kept(partial, name, schema))}
    before = sum(min(size, len(items) - start) for start in kept)
    if before:
        tell(f"  {name}: {before} of {len(items)} were kept, going on from there")
    with progress(name, steps * len(items), unit, steps * before) as tick:
        for start, shard in names.items():
            if start in kept:
                rows += kept[start]
                continue
            made = compute(items[start : start + size], tick)
            with tempfile.TemporaryDirectory(prefix="saga-") as scratch:
                write_rows(Path(scratch) / _ROWS, made, schema)
                partial.keep(shard, Path(scratch))
            rows += made
    return rows


def _kept(partial: Partial, name: str, schema: Mapping[str, str]) -> list[dict[str, Any]] | None:
    """Return the rows of a complete shard, or None where it is none, although its manifest says so."""
    folder = partial.fetch(name, {_ROWS})
    if folder is None:
        return None
    start, end = (int(part) for part in name.split("-")[-2:])
    with suppress(DamagedArtifactError):
        return read_rows(folder / _ROWS, schema, end - start)
    tell(f"  {partial.uri}/{name}: not such a shard, so it is made again")
    partial.drop(name)
    return None


def _name(name: str, start: int, end: int) -> str:
    # The range is in the name: a shard of another size is another shard.
    return f"{name}-{start:08d}-{end:08d}"
