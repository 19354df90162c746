"""Sentences that somebody has labelled as right or wrong, in the forms in which such collections are published."""

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
_HEADINGS = {"grammatical:": True, "ungrammatical:": False}
_NOCOLA = "put sentences under Grammatical: and Ungrammatical:, or give wrong, right and kind of mistake, by tabs"
_REMEDY = "a row needs `text`, and `label`: 1 or correct, 0 or incorrect"


def read_labelled(path: Path) -> list[tuple[str, bool]]:
    """Read sentences with labels from JSON Lines (``.jsonl``, ``.jsonl.gz``), ``.csv``, ``.tsv``, or NoCoLA's ``.txt``.

    NoCoLA's own files have no column of labels. In ``NoCoLa_class_*.txt`` sentences stand under the headings
    ``Grammatical:`` and ``Ungrammatical:``, a wrong one followed by a tab and its kind of mistake; in NoCoLA_zero's a
    line is a wrong sentence, its correction and the kind of mistake, separated by tabs.

    Returns:
        Text, and whether it is right.

    Raises:
        UserError: No such file or form, or no text or label in a row; with file and line.
    """
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            if path.name.removesuffix(".gz").endswith(".txt"):
                found = _nocola(file, path)
            else:
                found = [labelled(row, f"{path}:{number}") for number, row in _rows(file, path)]
    except (OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise UserError(f"it cannot be read ({error})", str(path), "give JSON Lines, CSV or TSV in UTF-8") from error
    if len({right for _, right in found}) < 2:
        raise UserError("sentences of both labels are needed", str(path), _REMEDY)
    return found


def labelled(row: Mapping[str, Any], where: str) -> tuple[str, bool]:
    """Return text and label of a row.

    Args:
        row: With ``text`` and ``label``.
        where: It stands, for the error.

    Raises:
        UserError: It has no text, or no label that is known.
    """
    text, label = row.get("text"), str(row.get("label")).strip().lower()
    if not isinstance(text, str) or not text.strip() or label not in _RIGHT | _WRONG:
        raise UserError("no labelled sentence", where, _REMEDY)
    return text, label in _RIGHT


def _nocola(file: TextIO, path: Path) -> list[tuple[str, bool]]:
    found: list[tuple[str, bool]] = []
    heading: bool | None = None
    for number, line in enumerate(file, 1):
        cells = [cell.strip() for cell in line.rstrip("\r\n").split("\t")]
        if not any(cells) or line.startswith("#"):
            continue
        named = _HEADINGS.get(cells[0].lower())
        if named is not None and len(cells) == 1:
            heading = named
        elif heading is not None and len(cells) <= 2 and cells[0]:
            found.append((cells[0], heading))
        elif heading is None and len(cells) == 3 and cells[0] and cells[1]:
            # A pair that was left as it is tells nothing.
            found += [(cells[0], False), (cells[1], True)] if cells[0] != cells[1] else []
        else:
            raise UserError("no labelled sentence", f"{path}:{number}", _NOCOLA)
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
        raise UserError(f"no known form: .{kind}", str(path), "give .jsonl, .csv, .tsv, or NoCoLA's .txt")
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise UserError(f"not JSON: {error}", f"{path}:{number}", _REMEDY) from error
            if not isinstance(row, dict):
                raise UserError("no object", f"{path}:{number}", _REMEDY)
            yield number, row
