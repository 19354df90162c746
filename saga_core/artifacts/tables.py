"""Rows in Parquet and values in JSON: the two forms of data inside an artifact."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from saga_core.artifacts.fingerprint import canonical


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], schema: Mapping[str, str]) -> None:
    """Write rows as Parquet.

    Args:
        path: File to write.
        rows: One mapping a row, each with every column.
        schema: Column to Arrow type name (``string``, ``double``, ``int64``, ``bool``), so that an empty table
            has its columns too.
    """
    fields = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in schema.items()])
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=fields), path, compression="zstd")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a Parquet file."""
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def write_json(path: Path, value: object) -> None:
    """Write a value as canonical JSON."""
    path.write_text(canonical(value) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Read a JSON value."""
    return json.loads(path.read_text(encoding="utf-8"))
