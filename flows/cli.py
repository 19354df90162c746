"""The command ``saga``: run, plan, recipes, show, card; the others are in files of their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Container
from functools import partial
from typing import Annotated, Any, cast

import typer
from rich.table import Table

from flows import champions, comparing, hub, judges, reporting, upkeep
from flows.artifact_view import show_artifact
from flows.starting import start_flow
from flows.terminal import (
    NAMELESS,
    AsJson,
    StoreUri,
    count,
    one_line_errors,
    out,
    plain,
    print_json,
    size,
)
from saga_core.artifacts.lineage import sizes_of_run
from saga_core.artifacts.naming import names_artifact
from saga_core.artifacts.store import Store
from saga_core.environment import DEFAULT_STORE
from saga_core.errors import DamagedArtifactError, SagaError, UserError
from saga_core.recipe_file import load_recipe, recipe_names
from saga_core.telling import printable
from tasks.opening import open_session
from tasks.pipeline import STAGE_NAMES, check_stage, stages_until
from tasks.plan import Planned, make_plan, outcomes_of
from tasks.report import find_card, find_run, report_unchanged
from tasks.session import Session

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

RecipeName = Annotated[str, typer.Argument(help="A name that `saga recipes` lists, or the path of a YAML file.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting; repeatable.")]
Until = Annotated[str | None, typer.Option("--until", metavar="STAGE", help="Last stage to run.")]
Refresh = Annotated[list[str] | None, typer.Option("--refresh", metavar="STAGE", help="Compute although cached.")]
RunName = Annotated[str | None, typer.Argument(help="Name of a run or of a recipe; default: the newest run.")]
Shown = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN|ARTIFACT",
        help="A run or a recipe (default: the newest run), or an artifact: STAGE/KEY, RUN/STAGE or its path.",
    ),
]


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Align a language model to the grammar of a small language, with a parser as the reward."""
    if debug:
        os.environ["SAGA_DEBUG"] = "1"


@app.command()
@one_line_errors
def run(
    recipe: RecipeName,
    store: StoreUri = DEFAULT_STORE,
    set_: Settings = None,
    until: Until = None,
    refresh: Refresh = None,
    as_json: AsJson = False,
) -> None:
    """Run a recipe; what the store already holds is not made again."""
    session, plan = _plan(recipe, store, set_, until, refresh)
    done = outcomes_of(plan, session)
    if done is not None:
        # Nothing to compute: no reason to wait for an orchestrator.
        result = report_unchanged(session, done)
    else:
        arguments = partial(_arguments, recipe, store, set_, until, refresh)
        result = start_flow(session, lambda: _align(recipe, store, set_, until, refresh), arguments)
    _print_run(result, session.store)
    if as_json:
        print_json(result)


@app.command()
@one_line_errors
def plan(
    recipe: RecipeName,
    store: StoreUri = DEFAULT_STORE,
    set_: Settings = None,
    until: Until = None,
    refresh: Refresh = None,
    as_json: AsJson = False,
) -> None:
    """Say what a run would do and why; nothing is computed."""
    session, planned = _plan(recipe, store, set_, until, refresh)
    table = Table("stage", "state", "why", box=None)
    for item in planned:
        table.add_row(item.stage, item.state, plain(item.why))
    out.print(table)
    if as_json:
        stages = [{"stage": p.stage, "key": p.key, "state": p.state, "why": p.why} for p in planned]
        print_json({"recipe": session.recipe.name, "store": session.store.uri, "stages": stages})


@app.command()
@one_line_errors
def recipes() -> None:
    """List the recipes that come with SAGA."""
    table = Table("recipe", "language", "base model", "KL-SFT", box=None)
    for name in recipe_names():
        recipe = load_recipe(name).recipe
        table.add_row(name, recipe.language, plain(recipe.model.id), recipe.sft.mode)
    out.print(table)


@app.command()
@one_line_errors
def show(name: Shown = None, store: StoreUri = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Show a run: its stages, sizes and results; or an artifact: what made it, from what, and what came of it."""
    opened = Store(store)
    if name and names_artifact(name):
        show_artifact(opened, name, as_json=as_json)
        return
    report = _find(opened, name)
    sizes = sizes_of_run(opened, report)
    _print_run(report, opened, sizes)
    if as_json:
        stages = [row | {"bytes": sizes.get(row["stage"])} for row in report["stages"]]
        print_json(report | {"stages": stages, "bytes": sum(sizes.values())})


@app.command()
@one_line_errors
def card(run_name: RunName = None, store: StoreUri = DEFAULT_STORE) -> None:
    """Print the model card of a run."""
    opened = Store(store)
    report = _find(opened, run_name, with_card=True)
    for line in find_card(opened, report).read_text(encoding="utf-8", errors="replace").splitlines():
        sys.stdout.write("\t".join(map(printable, line.split("\t"))) + "\n")


for command in (upkeep.verify, upkeep.gc, upkeep.why, champions.retrain, champions.champion, champions.rollback):
    app.command()(command)
app.command()(comparing.ablate)
app.command()(comparing.compare)
app.command()(hub.publish)
app.command()(reporting.report)
app.add_typer(judges.app, name="judge")


def _plan(
    recipe: str, store: str, overrides: list[str] | None, until: str | None, refresh: list[str] | None
) -> tuple[Session, list[Planned]]:
    stages = stages_until(until)
    refreshed = frozenset(check_stage(name, "--refresh") for name in refresh or ())
    session = open_session(load_recipe(recipe, overrides or ()), store, refreshed)
    return session, make_plan(session, stages)


def _align(
    recipe: str, store: str, overrides: list[str] | None, until: str | None, refresh: list[str] | None
) -> dict[str, Any]:
    from flows.align import align

    last = until or STAGE_NAMES[-1]
    made = align(recipe, overrides=tuple(overrides or ()), until=last, refresh=tuple(refresh or ()), store=store)
    # A run that failed would have raised: the state of a failure is for those who only see the state.
    return cast(dict[str, Any], made)


def _arguments(
    recipe: str,
    store: str,
    overrides: list[str] | None,
    until: str | None,
    refresh: list[str] | None,
    done: Container[str],
) -> list[str]:
    """Return the command that goes on, after some stages were made."""
    options = [part for setting in overrides or () for part in ("--set", setting)]
    options += ["--until", until] if until else []
    options += [part for stage in refresh or () if stage not in done for part in ("--refresh", stage)]
    return ["run", recipe, *options, "--store", store]


def _find(store: Store, name: str | None, *, with_card: bool = False) -> dict[str, Any]:
    report = find_run(store, name, with_card=with_card)
    if report is None:
        runs = [str(row["run"]) for row in store.runs.newest() if row["card"] or not with_card][:5]
        hint = f"runs: {', '.join(runs)}" if runs else "give --store, or run a recipe to its end first"
        kind = "run with a card" if with_card else "run"
        what = f"no {kind} is here" if name is None else f"no {kind} {name or NAMELESS}"
        raise UserError(what, store.uri, hint)
    return report


def _print_run(report: dict[str, Any], store: Store, sizes: dict[str, int] | None = None) -> None:
    table = Table("stage", "state", "seconds", box=None)
    if sizes is not None:
        table.add_column("size", justify="right")
    table.add_column("why")
    for row in report["stages"]:
        cells = [] if sizes is None else [size(sizes[row["stage"]]) if row["stage"] in sizes else "-"]
        table.add_row(row["stage"], row["state"], f"{row['seconds']:.1f}", *cells, plain(row["why"]))
    out.print(f"run {report['run']} in {report['store']}")
    out.print(table)
    if sizes:
        out.print(f"{count(len(sizes), 'artifact')}, {size(sum(sizes.values()))}", highlight=False)
    _print_results(report, store)
    comparing.print_comparison(report, store)
    for name in ("adapter", "card"):
        if report[name]:
            out.print(f"{name}: {report[name]}")


def _print_results(report: dict[str, Any], store: Store) -> None:
    if not report["metrics"]["final"]:
        return
    from tasks.results import results_table

    try:
        out.print(results_table(report, store, out.width))
    except SagaError as error:
        # The rest of the run can be told all the same.
        out.print(plain(error if isinstance(error, DamagedArtifactError) else error.what))
