"""The commands that compare models: ablate, which makes them, and compare, for runs that are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from flows.starting import start_flow
from flows.terminal import AsJson, StoreUri, one_line_errors, out, plain, print_json
from saga_core.artifacts.inventory import require
from saga_core.artifacts.store import Store
from saga_core.environment import DEFAULT_STORE
from saga_core.errors import UserError
from saga_core.recipe_file import load_recipe
from tasks.opening import open_session
from tasks.report import report_unchanged
from tasks.session import Session

if TYPE_CHECKING:
    from tasks.ablation import ArmRun
    from tasks.comparison import StoredComparison

RecipeName = Annotated[str, typer.Argument(help="A name that `saga recipes` lists, or the path of a YAML file.")]
Vary = Annotated[
    list[str], typer.Option("--vary", metavar="KEY=A,B", help="A setting and its values; repeatable: all combinations.")
]
Seeds = Annotated[
    str, typer.Option("--seeds", metavar="0,1,2", help="Training seeds of every arm, folded into intervals and tests.")
]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting of all arms.")]
RunNames = Annotated[list[str], typer.Argument(metavar="RUN RUN…", help="Runs or recipes; tested against the first.")]


@one_line_errors
def ablate(
    recipe: RecipeName,
    vary: Vary,
    seeds: Seeds = "",
    set_: Settings = None,
    store: StoreUri = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Run a recipe under several settings, and compare them: what they share is made once."""
    # Statistics and tables are large, and the other commands do without them.
    from tasks.ablation import open_arms, settled

    fixed, chosen = tuple(set_ or ()), _seeds(seeds)

    def open_one(settings: tuple[str, ...]) -> Session:
        return open_session(load_recipe(recipe, (*fixed, *settings)), store)

    arms = open_arms(open_one, vary, chosen, fixed)
    done = settled(arms)
    if done is not None:
        contrast, comparison = done
        report = report_unchanged(contrast.session, [comparison])
    else:
        lists = [part for setting in vary for part in ("--vary", setting)]
        lists += ["--seeds", seeds] if seeds else []
        lists += [part for setting in fixed for part in ("--set", setting)]
        again = ["ablate", recipe, *lists, "--store", store]
        report = start_flow(
            arms[0].session, lambda: _ablate(recipe, tuple(vary), chosen, fixed, store), lambda made: again
        )
    _print_runs(arms)
    stored = print_comparison(report, arms[0].session.store)
    if as_json:
        runs = [arm.as_dict() for arm in arms]
        print_json(report | {"runs": runs} | stored)


@one_line_errors
def compare(runs: RunNames, store: StoreUri = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Compare runs that were made separately, where they were measured alike."""
    from tasks.comparing import compare_runs

    opened = Store(store)
    require(opened.storage)
    compared = compare_runs(opened, runs)
    told = _print(compared)
    if as_json:
        print_json({"store": opened.uri} | told)


def print_comparison(report: Mapping[str, Any], store: Store) -> dict[str, Any]:
    """Print the comparison that a report names, if it names one.

    Returns:
        What ``--json`` tells of it; nothing where there is none.

    Raises:
        SagaError: It is no longer in the store, or damaged.
    """
    keys = {row["stage"]: row["key"] for row in report["stages"]}
    if not keys.get("comparison"):
        return {}
    from tasks.comparison import load_comparison

    record = store.find("comparison", keys["comparison"])
    if record is None:
        raise UserError("the comparison is no longer in the store", str(report["run"]), "run the ablation again")
    reference = store.reference(record)
    told = _print(load_comparison(store.fetch(reference)))
    out.print(plain(f"comparison: {reference.uri}/README.md"))
    return told | {"page": f"{reference.uri}/README.md"}


def _print(stored: StoredComparison) -> dict[str, Any]:
    from saga_core.reporting.comparison import comparison_tables
    from saga_core.reporting.comparison_finding import comparison_finding, method, notes

    comparison, labels = stored.comparison, stored.labels
    for table in comparison_tables(comparison, labels):
        out.print(table)
        out.print()
    lines = notes(comparison, labels.evaluator, labels.text)
    lines += [method(comparison)] if comparison.differences else []
    for line in lines:
        out.print(plain(line, "dim"))
    finding = comparison_finding(comparison, labels.evaluator, labels.text)
    out.print(plain(finding, "bold"))
    return {"finding": finding, "notes": lines, **stored.model_dump(mode="json")}


def _print_runs(arms: Sequence[ArmRun]) -> None:
    for arm in arms:
        seed = "" if arm.seed is None else f", seed {arm.seed}"
        out.print(plain(f"run {arm.session.run}: {arm.title}{seed}"))
    out.print()


def _ablate(
    recipe: str, vary: tuple[str, ...], seeds: tuple[int, ...], overrides: tuple[str, ...], store: str
) -> dict[str, Any]:
    from flows.ablate import ablate as ablate_flow

    # A run that failed would have raised: the state of a failure is for those who only see the state.
    return cast(dict[str, Any], ablate_flow(recipe, vary, seeds, overrides, store))


def _seeds(text: str) -> tuple[int, ...]:
    seeds = [part.strip() for part in text.split(",")] if text else []
    if not all(part.isascii() and part.isdecimal() for part in seeds):
        raise UserError("not whole numbers from 0", f"--seeds {text}", "for example --seeds 0,1,2")
    return tuple(map(int, seeds))
