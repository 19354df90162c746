"""What every command shares: options, one-line errors, and what is printed where."""

from __future__ import annotations

import functools
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, NoReturn, ParamSpec

import typer
from rich import filesize
from rich.console import Console
from rich.text import Text

from flows.insisting import stop_insisting
from saga_core.artifacts.storage import shown
from saga_core.errors import DamagedArtifactError, SagaError
from saga_core.telling import printable, tell

# Nothing is markup: recipes, paths and what others wrote into a store may hold brackets.
out = Console(soft_wrap=True, markup=False)

StoreUri = Annotated[str, typer.Option("--store", envvar="SAGA_STORE", help="Folder or URI of the artifacts.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of standard output.")]

# What is told of a run whose name is empty, as that of a variable is which is not set.
NAMELESS = "of an empty name"

_ANEW = "; run its recipe again: what is damaged is put aside and made anew"

P = ParamSpec("P")


def one_line_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Turn what a command raises into one line on standard error and an exit code: 2 for a user's mistake, else 1."""

    @functools.wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (Exception, KeyboardInterrupt) as error:
            stop_insisting()
            line, code = f"unexpected {describe(error)}", 1
            if isinstance(error, SagaError):
                line, code = str(error), error.exit_code
                if isinstance(error, DamagedArtifactError) and not error.remedy:
                    line += _ANEW
            elif isinstance(error, KeyboardInterrupt):
                line = "interrupted; the same command resumes"
            elif isinstance(error, typer.Exit):
                raise
            if kwargs.get("as_json"):
                unknown = {
                    "run": None,
                    "recipe": kwargs.get("recipe"),
                    "store": shown(str(kwargs.get("store"))),
                    "stages": [],
                }
                empty = unknown | {"metrics": {"base": {}, "final": {}}, "adapter": None, "card": None}
                print_json(getattr(error, "report", empty) | {"error": line} | getattr(error, "advice", {}))
            _complain(line, code, getattr(error, "advice", {}))

    return guarded


def describe(error: BaseException) -> str:
    """Return an unexpected error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]} (saga --debug shows where)"


def _complain(line: str, code: int, advice: dict[str, str]) -> NoReturn:
    if os.environ.get("SAGA_DEBUG"):
        traceback.print_exc()
    tell(f"saga: {line}")
    for name, what in advice.items():
        tell(f"  {name}: {what}")
    raise typer.Exit(code)


def print_json(value: object) -> None:
    """Print a value as the last line of standard output."""
    sys.stdout.flush()
    # A file name that is not UTF-8 has characters that only an escape can carry.
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    print(text, flush=True)


def plain(value: object, style: str = "") -> Text:
    """Return text as it is: nothing in it is markup, and nothing moves the cursor, whoever wrote it into the store."""
    return Text(printable(value), style)


def size(number: int) -> str:
    """Return a number of bytes as a person reads it."""
    return filesize.decimal(number).replace("bytes", "B").replace("1 byte", "1 B")


def count(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 file``, ``2 files``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
