"""Sentences that somebody has labelled as right or wrong, in the forms in which such collections are published."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from saga_core.corpus.sources import check_characters, read_lines
from saga_core.errors import UserError

# 1.0 is what a table of numbers makes of 1.
_RIGHT = frozenset({"1", "1.0", "true", "correct", "acceptable", "grammatical"})
_WRONG = frozenset({"0", "0.0", "false", "incorrect", "unacceptable", "ungrammatical"})
_HEADINGS = {"grammatical:": True, "ungrammatical:": False}
_NOCOLA = "put sentences under Grammatical: and Ungrammatical:, or give wrong, right and kind of mistake, by tabs"
_REMEDY = "a row needs `text`, and `label`: 1 or correct, 0 or incorrect"
_FIELDS = {"text", "label"}
_SHOWN = 40


def read_labelled(path: Path) -> list[tuple[str, bool]]:
    """Read sentences with labels from JSON Lines (``.jsonl``, ``.jsonl.gz``), ``.csv``, ``.tsv``, or NoCoLA's ``.txt``.

    The first line of CSV or TSV names the columns; without names there are two, and the labels say which is which. CSV
    may be parted by semicolons, as spreadsheets write it where the comma is a decimal one.

    NoCoLA's own files have no column of labels. In ``NoCoLa_class_*.txt`` sentences stand under the headings
    ``Grammatical:`` and ``Ungrammatical:``, a wrong one followed by a tab and its kind of mistake; in NoCoLA_zero's a
    line is a wrong sentence, its correction and the kind of mistake, separated by tabs.

    Returns:
        Text, and whether it is right.

    Raises:
        UserError: No such file or form, or no text or label in a row; with file and line.
    """
    try:
        opened = gzip.open if path.suffix.lower() == ".gz" else open
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            if _kind(path) == "txt":
                found = _nocola(file, path)
            else:
                found = [labelled(row, f"{path}:{number}") for number, row in _rows(file, path)]
    except UnicodeDecodeError as error:
        # It tells the position within what was read at once; the same read by lines names the line.
        for _ in read_lines(path):
            pass
        raise UserError(f"it cannot be read ({error})", str(path), "give it in UTF-8") from error
    except (OSError, EOFError, zlib.error) as error:
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
    text, given = row.get("text"), row.get("label")
    label = str(given).strip().lower()
    if not isinstance(text, str) or not text.strip():
        raise UserError("no text", where, _REMEDY)
    if label not in _RIGHT | _WRONG:
        what = "no label" if given is None or not label else f"{_short(given)} is no label that is known"
        raise UserError(what, where, _REMEDY)
    check_characters(text, where)
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
    kind = _kind(path)
    if kind in ("csv", "tsv"):
        yield from _table(file, path, kind)
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


def _table(file: TextIO, path: Path, kind: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    first = file.readline()
    # In TSV a quotation mark is one.
    options: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if kind == "tsv" else {"strict": True}
    if kind == "csv" and _FIELDS.issubset(_names(first.replace('"', "").split(";"))):
        options["delimiter"] = ";"
    reader = csv.reader(chain([first], file), **options)
    columns: list[str] = []
    try:
        for cells in reader:
            where = f"{path}:{reader.line_num}"
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = _columns(cells, where)
                if _FIELDS.issubset(_names(cells)):
                    continue
            if len(cells) > len(columns):
                # The text would end at its first separator, and nobody would be told.
                what = f"{len(cells)} cells, and the first line has {len(columns)}"
                raise UserError(what, where, "put a text that holds the separator in quotation marks")
            yield reader.line_num, dict(zip(columns, cells, strict=False))
    except csv.Error as error:
        raise UserError(f"not {kind.upper()}: {error}", f"{path}:{reader.line_num}", _REMEDY) from error


def _columns(cells: Sequence[str], where: str) -> list[str]:
    """Return what the columns are called by the first line, or, where it is a row already, what they must be."""
    names = _names(cells)
    if _FIELDS.issubset(names):
        if twice := next((name for name in names if name in _FIELDS and names.count(name) > 1), None):
            raise UserError(f"two columns are called {twice}", where, "give each another name")
        return names
    labels = [name in _RIGHT | _WRONG for name in names]
    if len(cells) == 2 and sum(labels) == 1:
        return ["label", "text"] if labels[0] else ["text", "label"]
    shown = ", ".join(map(_short, cells[:5]))
    raise UserError(f"no columns `text` and `label`, but {shown}", where, "name the columns in the first line")


def _names(cells: Sequence[str]) -> list[str]:
    return [cell.strip().lower() for cell in cells]


def _kind(path: Path) -> str:
    return path.name.lower().removesuffix(".gz").rsplit(".", 1)[-1]


def _short(value: object) -> str:
    text = str(value).strip()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
