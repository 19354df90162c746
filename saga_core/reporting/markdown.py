"""Markdown of the model card and the stages' pages: text as it is, and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

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
