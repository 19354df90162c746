"""The command about the Hugging Face Hub: publish."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.terminal import NAMELESS, AsJson, StoreUri, one_line_errors, out, plain, print_json
from saga_core.artifacts.inventory import require
from saga_core.artifacts.store import Store
from saga_core.environment import DEFAULT_STORE
from saga_core.errors import UserError
from tasks.publishing import publish_run
from tasks.report import find_run

RunName = Annotated[str, typer.Argument(metavar="RUN", help="Name of a run, or of a recipe for its newest run.")]
To = Annotated[str, typer.Option("--to", metavar="ORG/NAME", help="Repository; made where there is none.")]
Private = Annotated[bool, typer.Option("--private", help="Only its owners may see it.")]


@one_line_errors
def publish(
    run_name: RunName,
    to: To,
    private: Private = False,
    store: StoreUri = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Push the adapter and the card of a run to the Hugging Face Hub; the token is HF_TOKEN's."""
    opened = Store(store)
    require(opened.storage)
    report = find_run(opened, run_name, with_card=True)
    if report is None:
        raise UserError(f"no run {run_name or NAMELESS} with a card", opened.uri, "saga show names the newest run")
    pushed = publish_run(opened, report, to, private=private)
    said = "pushed" if pushed.changed else "nothing changed: it is there already"
    out.print(plain(f"{report['run']}: {said}"))
    out.print(plain(f"{pushed.url}, commit {pushed.commit}"))
    if as_json:
        result = {"url": pushed.url, "commit": pushed.commit, "changed": pushed.changed}
        print_json({"run": report["run"], "store": opened.uri, "repository": to, **result})
