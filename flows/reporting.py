"""The command ``saga report``: a run as one HTML page."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from flows.terminal import NAMELESS, StoreUri, one_line_errors, out, plain, size
from saga_core.artifacts.inventory import require
from saga_core.artifacts.store import Store
from saga_core.environment import DEFAULT_STORE
from saga_core.errors import UserError
from saga_core.paths import path_of
from tasks.report import find_run

RunName = Annotated[str | None, typer.Argument(help="Name of a run or of a recipe; default: the newest run.")]
File = Annotated[str | None, typer.Option("--out", metavar="FILE", help="Default: saga-report-RUN.html, here.")]


@one_line_errors
def report(run_name: RunName = None, store: StoreUri = DEFAULT_STORE, file: File = None) -> None:
    """Write a run as one HTML page that needs no network; a page that is there is written anew."""
    from tasks.run_report import report_html

    opened = Store(store)
    require(opened.storage)
    found = find_run(opened, run_name)
    if found is None:
        what = "no run is here" if run_name is None else f"no run {run_name or NAMELESS}"
        raise UserError(what, opened.uri, "saga show names the newest; give --store, or run a recipe first")
    # Whoever writes into the store also names its runs.
    name = re.sub(r"[^\w.-]", "_", found["run"])
    path = path_of(file or f"saga-report-{name}.html", "--out")
    page = report_html(opened, found)
    _write(path, page)
    out.print(plain(f"report: {path}, {size(len(page))}"), highlight=False)


def _write(path: Path, page: bytes) -> None:
    # Through a link to the page itself.
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            # Such as /dev/stdout; a folder is refused.
            target.write_bytes(page)
        else:
            _replace(target, page)
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", f"--out {path}", "choose another file") from error


def _replace(target: Path, page: bytes) -> None:
    """Write a file whole or not at all: a full disk or a kill leaves what was there before."""
    beside = target.with_name(f".saga-report-{os.getpid()}")
    try:
        beside.write_bytes(page)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
