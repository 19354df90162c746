"""The commands that look after a store: verify, gc, why."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from flows.difference_view import difference_as_json, show_difference, show_runs_difference
from flows.terminal import AsJson, StoreUri, one_line_errors, out, plain, print_json
from flows.upkeep_view import collected_as_json, print_collected, print_verified, verified_as_json
from saga_core.ages import parse_age
from saga_core.artifacts import verification
from saga_core.artifacts.cache import remove_copy, unused_copies
from saga_core.artifacts.collection import Terms, plan_removal
from saga_core.artifacts.difference import Difference, compare, compare_runs
from saga_core.artifacts.inventory import require
from saga_core.artifacts.naming import find_artifact, names_artifact
from saga_core.artifacts.removal import remove
from saga_core.artifacts.snapshot import take_snapshot
from saga_core.artifacts.store import Store
from saga_core.artifacts.verification import Finding
from saga_core.environment import DEFAULT_STORE
from saga_core.errors import UserError
from tasks.pipeline import ABLATION, RETRAINING, check_stage
from tasks.report import find_run

# Where there are no leases, only its age tells unfinished work from work that is going on.
_SHORTEST_WITHOUT_LEASES = 86_400.0

Stages = Annotated[list[str] | None, typer.Argument(metavar="STAGE", help="Default: all.")]
SetAside = Annotated[bool, typer.Option("--set-aside", help="Put what is damaged aside; the next run makes it again.")]
OlderThan = Annotated[str, typer.Option("--older-than", metavar="AGE", help="Unused for so long: 12h, 30d, 8w.")]
OfRecipe = Annotated[str | None, typer.Option("--recipe", metavar="NAME", help="Only what this recipe made.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")]
First = Annotated[str, typer.Argument(metavar="A", help="An artifact (STAGE/KEY, RUN/STAGE or a path), or a run.")]
Second = Annotated[str, typer.Argument(metavar="B", help="Another one.")]


@one_line_errors
def verify(
    stages: Stages = None, store: StoreUri = DEFAULT_STORE, set_aside: SetAside = False, as_json: AsJson = False
) -> None:
    """Hash again what is stored and name each damaged file; exit code 1 if there is one."""
    opened = Store(store)
    beside = (*RETRAINING, *ABLATION)
    surveyed = verification.survey(opened, [check_stage(name, "saga verify", beside) for name in stages or ()])
    found: list[Finding] = []
    try:
        # One by one: what was found before an outage or an interruption is worth knowing too.
        for finding in verification.verify(opened, surveyed):
            found.append(finding)
    finally:
        for finding in sorted(found, key=lambda finding: finding.file):
            out.print(plain(f"{finding.file}: {finding.what}"))
    done = {str(address): what for address, what in verification.put_aside(opened, found)} if set_aside else {}
    for address, what in done.items():
        out.print(plain(f"{address}: {what}"))
    print_verified(opened, surveyed, found, set_aside=set_aside)
    if as_json:
        print_json(verified_as_json(opened, surveyed, found) | {"set_aside": done})
    if found:
        raise typer.Exit(1)


@one_line_errors
def gc(
    store: StoreUri = DEFAULT_STORE,
    older_than: OlderThan = "30d",
    recipe: OfRecipe = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Remove what has not been used for long and nothing that is kept needs, and unused copies on this disk."""
    age = parse_age(older_than, "--older-than")
    opened = Store(store)
    require(opened.storage)
    # What was touched a moment ago may belong to a run that is between two stages.
    terms = Terms(max(age, opened.patience.lease), recipe)
    if not dry_run and not opened.capabilities.conditional_writes and age < _SHORTEST_WITHOUT_LEASES:
        remedy = "give --older-than 1d or more"
        raise UserError("this store has no leases, so that a run in progress cannot be told", opened.uri, remedy)
    snapshot = take_snapshot(opened, None if dry_run else opened.capabilities.now())
    plan = plan_removal(snapshot, terms)
    gone = plan.items if dry_run else remove(opened, snapshot, plan, terms)
    copies = unused_copies(terms.age)
    for copy in () if dry_run else copies:
        remove_copy(copy)
    print_collected(opened, snapshot, plan, terms, gone, copies, dry_run=dry_run)
    if as_json:
        print_json(collected_as_json(opened, snapshot, plan, terms, gone, copies) | {"dry_run": dry_run})


@one_line_errors
def why(first: First, second: Second, store: StoreUri = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Say in which fields, inputs and versions two artifacts, or all those of two runs, differ."""
    opened = Store(store)
    if names_artifact(first) != names_artifact(second):
        raise UserError("one is an artifact, the other a run", f"{first} {second}", "name two of a kind")
    if names_artifact(first):
        difference = compare(opened, find_artifact(opened, first), find_artifact(opened, second))
        show_difference(difference)
        result = difference_as_json(difference)
    else:
        runs = [_find_run(opened, name) for name in (first, second)]
        differences = compare_runs(opened, *runs)
        show_runs_difference(runs, differences)
        stages = {name: difference_as_json(d) if isinstance(d, Difference) else d for name, d in differences.items()}
        result = {"runs": [run["run"] for run in runs], "stages": stages}
    if as_json:
        print_json({"store": opened.uri, **result})


def _find_run(store: Store, name: str) -> dict[str, Any]:
    report = find_run(store, name)
    if report is None:
        raise UserError(
            f"no run {name}", store.uri, "saga show names the newest; an artifact is STAGE/KEY or RUN/STAGE"
        )
    return report
