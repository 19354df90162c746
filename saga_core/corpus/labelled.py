"""Sentences that somebody has labelled as right or wrong."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from saga_core.errors import UserError

_RIGHT = frozenset({"1", "true", "correct", "acceptable"})
_WRONG = frozenset({"0", "false", "incorrect", "unacceptable"})
_REMEDY = "a row needs `text`, and `label`: 1 or correct, 0 or incorrect"


def read_labelled(path: Path) -> list[tuple[str, bool]]:
    """Read sentences with labels from JSON Lines (``.jsonl``, ``.jsonl.gz``), ``.csv`` or ``.tsv``.

    Returns:
        Text, and whether it is right.

    Raises:
        UserError: No such file or form, or no text or label in a row; with file and line.
    """
    found = []
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            for number, row in _rows(file, path):
                text, label = row.get("text"), str(row.get("label")).strip().lower()
                if not isinstance(text, str) or not text.strip() or label not in _RIGHT | _WRONG:
                    raise UserError("no labelled sentence", f"{path}:{number}", _REMEDY)
                found.append((text, label in _RIGHT))
    except (OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise UserError(f"it cannot be read ({error})", str(path), "give JSON Lines, CSV or TSV in UTF-8") from error
    if len({right for _, right in found}) < 2:
        raise UserError("sentences of both labels are needed", str(path), _REMEDY)
    return found


def _rows(file: TextIO, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    kind = path.name.removesuffix(".gz").rsplit(".", 1)[-1]
    if kind in ("csv", "tsv"):
        # In TSV a quotation mark is one.
        tabs: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if kind == "tsv" else {"strict": True}
        reader = csv.DictReader(file, **tabs)
        try:
            for row in reader:
                yield reader.line_num, row
        except csv.Error as error:
            raise UserError(f"not {kind.upper()}: {error}", f"{path}:{reader.reader.line_num}", _REMEDY) from error
        return
    if kind != "jsonl":
        raise UserError(f"no known form: .{kind}", str(path), "give .jsonl, .csv or .tsv")
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UserError(f"not JSON: {error}", f"{path}:{number}", _REMEDY) from error
            if not isinstance(row, dict):
                raise UserError("no object", f"{path}:{number}", _REMEDY)
            yield number, row
