"""Markdown tables: of the model card, and of a stage's headline figures in Prefect's interface."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from saga_core.evaluation.statistics import Estimate

ABSENT = "–"

# An underscore inside a word is plain text to Markdown; metric names stay readable without a backslash.
_SPECIAL = re.compile(r"[\\`*\[\]<>|~&]|(?<![^\W_])_|_(?![^\W_])")


def escape(text: str) -> str:
    """Return ``text`` such that Markdown shows it as it is, on one line and inside a table's cell."""
    return _SPECIAL.sub(r"\\\g<0>", " ".join(text.split()))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = True) -> str:
    """Return a Markdown table; every cell is Markdown already (see ``escape``).

    Args:
        headings: Headings of the columns; the first column is aligned left.
        rows: Rows of as many cells as there are headings.
        numbers: Align the other columns right, as numbers are read; else left.
    """
    rule = [":---", *["---:" if numbers else ":---"] * (len(headings) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows))


def stage_table(headline: Mapping[str, object]) -> str:
    """Return a stage's headline figures as Markdown: a table of two columns, and one for each table among them.

    Args:
        headline: Figure by name: numbers, text, estimates, lists and mappings of these, or a mapping of equal
            mappings, which is a table of its own.
    """
    plain = {name: value for name, value in headline.items() if not _is_table(value)}
    rows = [(escape(name), _value(value)) for name, value in plain.items()]
    parts = [table(("Figure", "Value"), rows, numbers=False)]
    for name, value in headline.items():
        if isinstance(value, Mapping) and _is_table(value):
            columns = list(next(iter(value.values())))
            lines = [(escape(row), *(_value(cells[column]) for column in columns)) for row, cells in value.items()]
            parts.append(f"**{escape(name)}**\n\n{table(('', *map(escape, columns)), lines)}")
    return "\n\n".join(parts)


def _is_table(value: object) -> bool:
    if not isinstance(value, Mapping) or not value:
        return False
    rows = list(value.values())
    return all(isinstance(row, Mapping) and row and row.keys() == rows[0].keys() for row in rows)


def _value(value: object) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Estimate):
        return f"{_float(value.value)} [{_float(value.low)}, {_float(value.high)}], n = {value.n:,}"
    if isinstance(value, Mapping):
        return ", ".join(f"{escape(str(name))} {_value(each)}" for name, each in value.items()) or ABSENT
    if isinstance(value, list | tuple):
        return ", ".join(_value(each) for each in value) or ABSENT
    return escape(str(value))


def _float(value: float) -> str:
    # Beyond four digits "g" turns to exponents, which read badly for counts of seconds or tokens.
    return f"{value:.4g}" if not 1e4 <= abs(value) < 1e15 else f"{value:,.0f}"
