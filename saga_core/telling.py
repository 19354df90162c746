"""Telling a person what happens: a line on standard error, and nothing in it that moves the cursor."""

from __future__ import annotations

import sys


def printable(text: object) -> str:
    """Return text in which whatever cannot be printed is marked: it may come from a store that others write to."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def tell(line: object) -> None:
    """Print a line on standard error at once."""
    # A file name that is not UTF-8 has characters that only an escape can carry.
    text = printable(line).encode("utf-8", "backslashreplace").decode()
    print(text, file=sys.stderr, flush=True)
