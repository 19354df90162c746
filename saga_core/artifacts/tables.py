"""Rows in Parquet and values in JSON: the two forms of data inside an artifact."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from saga_core.artifacts.fingerprint import canonical
from saga_core.errors import DamagedArtifactError

_MOST_ROWS = 20_000_000


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], schema: Mapping[str, str]) -> None:
    """Write rows as Parquet.

    Args:
        path: File to write.
        rows: One mapping a row, each with every column.
        schema: Column to Arrow type name (``string``, ``double``, ``int64``, ``bool``), so that an empty table
            has its columns too.
    """
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=_arrow(schema)), path, compression="zstd")


def read_rows(
    path: Path,
    schema: Mapping[str, str] | None = None,
    count: int | None = None,
    columns: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Read the rows of a Parquet file.

    Args:
        path: File to read.
        schema: Columns that it must have, as for ``write_rows``; None for any.
        count: Number of rows that it must have; None for any up to 20 million.
        columns: What to read of each row; None for all.

    Raises:
        DamagedArtifactError: It is no Parquet file, or one of other rows.
    """
    try:
        file = pq.ParquetFile(path)
        # A few kilobytes may claim more rows than memory can hold.
        if file.metadata.num_rows > _MOST_ROWS if count is None else file.metadata.num_rows != count:
            raise DamagedArtifactError(f"it has {file.metadata.num_rows:,} rows", str(path))
        if schema is not None and file.schema_arrow != _arrow(schema):
            raise DamagedArtifactError(f"its columns are {', '.join(file.schema_arrow.names)}", str(path))
        rows: list[dict[str, Any]] = file.read(columns and list(columns)).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise DamagedArtifactError(f"not a Parquet file: {error}", str(path)) from error
    return rows


def _arrow(schema: Mapping[str, str]) -> pa.Schema:
    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in schema.items()])


def write_json(path: Path, value: object) -> None:
    """Write a value as canonical JSON."""
    path.write_text(canonical(value) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Read a JSON value."""
    return json.loads(path.read_text(encoding="utf-8"))
