"""The command ``saga``: run, plan, recipes, show, card; verify, gc and why are in ``flows.upkeep``."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import warnings
from datetime import UTC, datetime
from typing import Annotated, Any, cast

import typer
from rich.table import Table

from flows import upkeep
from flows.artifact_view import show_artifact
from flows.terminal import (
    DEFAULT_STORE,
    AsJson,
    StoreUri,
    count,
    describe,
    one_line_errors,
    out,
    plain,
    print_json,
    size,
)
from saga_core.artifacts.lineage import sizes_of_run
from saga_core.artifacts.naming import names_artifact
from saga_core.artifacts.runs import UNSAID
from saga_core.artifacts.store import Store
from saga_core.errors import DamagedArtifactError, SagaError, StageError, UserError
from saga_core.recipe_file import load_recipe, recipe_names
from saga_core.telling import printable
from tasks.opening import open_session
from tasks.pipeline import STAGE_NAMES, check_stage, stages_until
from tasks.plan import Planned, make_plan, outcomes_of
from tasks.report import RunReport, find_run, mark_used
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
        report = RunReport(session, done)
        result = report.as_dict()
        before = find_run(session.store, report.name)
        # Nothing was made, so a store that cannot be written to loses nothing.
        with contextlib.suppress(SagaError):
            if before is None or _artifacts(before) != _artifacts(result):
                report.keep()
            elif _age(before) > UNSAID:
                mark_used(session.store, before)
    else:
        result = _align(session, recipe, store, set_, until, refresh)
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
    published = next((row for row in report["stages"] if row["stage"] == "publish" and row["key"]), None)
    record = opened.find("publish", published["key"]) if published else None
    if record is None:
        raise UserError("the card is no longer in the store", report["card"], "run the recipe again")
    folder = opened.fetch(opened.reference(record))
    for line in (folder / "README.md").read_text(encoding="utf-8", errors="replace").splitlines():
        sys.stdout.write("\t".join(map(printable, line.split("\t"))) + "\n")


for command in (upkeep.verify, upkeep.gc, upkeep.why):
    app.command()(command)


def _plan(
    recipe: str, store: str, overrides: list[str] | None, until: str | None, refresh: list[str] | None
) -> tuple[Session, list[Planned]]:
    stages = stages_until(until)
    refreshed = frozenset(check_stage(name, "--refresh") for name in refresh or ())
    session = open_session(load_recipe(recipe, overrides or ()), store, refreshed)
    return session, make_plan(session, stages)


def _align(
    session: Session,
    recipe: str,
    store: str,
    overrides: list[str] | None,
    until: str | None,
    refresh: list[str] | None,
) -> dict[str, Any]:
    _prepare_environment(session)
    start = datetime.now(UTC).isoformat(timespec="microseconds")
    from flows.align import align
    from flows.embedded import start_embedded_api

    try:
        start_embedded_api()
        last = until or STAGE_NAMES[-1]
        made = align(recipe, overrides=tuple(overrides or ()), until=last, refresh=tuple(refresh or ()), store=store)
        result = cast(dict[str, Any], made)
    except BaseException as error:
        report = getattr(error, "report", None) or _report_since(session, start) or RunReport(session).as_dict()
        told = _failure(error, report)
        told.__dict__["report"] = report
        if told.exit_code == 1 or _failed(report):
            told.__dict__["advice"] = _advice(
                report, ["run", *_arguments(recipe, store, overrides, until, _still(refresh, report))]
            )
        raise told from error
    return result


def _report_since(session: Session, start: str) -> dict[str, Any] | None:
    # What failed may be the store, and that has just been waited for.
    session.store.storage.hurry()
    with contextlib.suppress(SagaError):
        return find_run(session.store, session.run, since=start)
    return None


def _still(refresh: list[str] | None, report: dict[str, Any]) -> list[str]:
    """Return the stages that are still to be made again."""
    done = {row["stage"] for row in report["stages"] if row["state"] == "computed"}
    return [stage for stage in refresh or () if stage not in done]


def _failed(report: dict[str, Any]) -> str | None:
    """Return the stage that failed, or None where no stage had begun."""
    return next((str(row["stage"]) for row in report["stages"] if row["state"] == "failed"), None)


def _failure(error: BaseException, report: dict[str, Any]) -> SagaError:
    """Return what is told of a failed run: a mistake as it is, anything else with its stage."""
    failed = _failed(report) or "run"
    if isinstance(error, UserError):
        return error if error.where == failed or not _failed(report) else UserError(str(error), failed)
    if isinstance(error, SagaError):
        # What and where are one line already; the stage stands before it.
        return error if error.where == failed else StageError(str(error), failed)
    if "Failed to reach API" in str(error):
        return StageError("no Prefect server answers", "PREFECT_API_URL", "correct it, or unset it to run without one")
    # Prefect turns SIGTERM into an exception of its own, SIGINT stays Python's.
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "TerminationSignal":
        return StageError("interrupted", failed)
    return StageError(f"unexpected {describe(error)}", failed)


def _advice(report: dict[str, Any], command: list[str]) -> dict[str, str]:
    """Return what a failed run left, and the command that goes on from there."""
    finished = sum(row["state"] in ("cached", "computed") for row in report["stages"])
    kept = [f"{finished} finished stage{'' if finished == 1 else 's'} in {report['store']}"]
    kept += [f"of {row['stage']} {row['kept']}" for row in report["stages"] if row.get("kept")]
    return {"kept": "; ".join(kept), "resume": shlex.join(["saga", *command])}


def _arguments(
    recipe: str, store: str, overrides: list[str] | None, until: str | None, refresh: list[str] | None
) -> list[str]:
    options = [part for setting in overrides or () for part in ("--set", setting)]
    options += ["--until", until] if until else []
    options += [part for stage in refresh or () for part in ("--refresh", stage)]
    return [recipe, *options, "--store", store]


def _prepare_environment(session: Session) -> None:
    """Set what libraries read when they are imported; what the user has set stays."""
    defaults = {
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        # Threads that spin while they wait make a run on busy cores ten times slower.
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    if all(pin.revision is None for pin in session.outside.values()):
        defaults["HF_HUB_OFFLINE"] = "1"
    if session.recipe.runtime.threads:
        # The recipe says so itself: it comes before what the shell happens to have set.
        os.environ["OMP_NUM_THREADS"] = str(session.recipe.runtime.threads)
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    # What Transformers will rename one day is for its developers, not for who runs a recipe.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")


def _age(report: dict[str, Any]) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(report["time"])).total_seconds()


def _artifacts(report: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(row["stage"], row["uri"]) for row in report["stages"]]


def _find(store: Store, name: str | None, *, with_card: bool = False) -> dict[str, Any]:
    report = find_run(store, name, with_card=with_card)
    if report is None:
        runs = [str(row["run"]) for row in store.runs.newest() if row["card"] or not with_card][:5]
        hint = f"runs: {', '.join(runs)}" if runs else "give --store, or run a recipe to its end first"
        kind = "run with a card" if with_card else "run"
        raise UserError(f"no {kind} {name}" if name else f"no {kind} is here", store.uri, hint)
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
    for name in ("adapter", "card"):
        if report[name]:
            out.print(f"{name}: {report[name]}")


def _print_results(report: dict[str, Any], store: Store) -> None:
    if not report["metrics"]["final"]:
        return
    from tasks.results import results_table

    try:
        out.print(results_table(report, store))
    except SagaError as error:
        # The rest of the run can be told all the same.
        out.print(plain(error if isinstance(error, DamagedArtifactError) else error.what))
