"""Runs that were made separately, compared: found in the store, refused where they are not alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from saga_core.artifacts.record import Record
from saga_core.artifacts.store import Store
from saga_core.errors import UserError
from saga_core.evaluation.comparability import incomparable
from saga_core.reporting.comparison import Labels
from saga_core.telling import tell
from tasks import evaluate
from tasks.comparison import Design, Measured, StoredComparison
from tasks.results import LIBRARIES

# Runs that are named where one is not found.
_NAMED = 5


def compare_runs(store: Store, names: Sequence[str]) -> StoredComparison:
    """Compare the models of several runs, each with the first.

    Args:
        store: Where they are.
        names: Of the runs, or of recipes, whose newest measured run is meant.

    Raises:
        UserError: A run has no evaluation, or two of them are not comparable; why is told before, a line a reason.
        StoreError: An evaluation cannot be read, or is damaged.
    """
    if len(set(names)) < max(2, len(names)):
        raise UserError("two different runs at least", "saga compare", "name them: saga compare RUN RUN")
    evaluations = {name: _evaluation(store, name) for name in names}
    first = evaluations[names[0]]
    reasons = [f"{name}: {reason}" for name in names[1:] for reason in _reasons(store, first, evaluations[name])]
    if reasons:
        for reason in reasons:
            tell(f"  {reason}")
        what = f"not comparable with {names[0]}, for the {len(reasons)} reasons above"
        what = what if len(reasons) > 1 else f"not comparable with {names[0]}, for the reason above"
        others = ", ".join(dict.fromkeys(reason.partition(":")[0] for reason in reasons))
        raise UserError(what, others, "measure them alike: the same corpus, evaluation, evaluator and seed")
    design = Design.of({name: [_measured(record, store)] for name, record in evaluations.items()})
    folders = {name: store.fetch(reference) for name, reference in design.references.items()}
    settings = first.payload["settings"]
    comparison = design.compare(folders, settings["seed"], settings["evaluation"]["bootstrap"])
    return StoredComparison(comparison=comparison, labels=_labels(store, names[0]))


def _reasons(store: Store, first: Record, other: Record) -> list[str]:
    """Say why two evaluations cannot be compared: of other items also in what they differ, back to the corpus."""
    reasons = incomparable(first.payload, other.payload)
    judges = [_judge(store, record) for record in (first, other)]
    if None in judges:
        tell("  by which judge they were rewarded is no longer in the store; that it was the same is taken on trust")
    elif judges[0] != judges[1]:
        # A judge that is itself in question is varied on purpose, and everything else then held equal.
        reasons.append("rewarded by another judge, or another version of it (saga ablate --vary compares judges)")
    for stage in ("items", "data"):
        found = [store.find(stage, record.inputs[stage].key) for record in (first, other)]
        if first.inputs[stage].digest == other.inputs[stage].digest or found[0] is None or found[1] is None:
            break
        first, other = found[0], found[1]
        reasons += incomparable(first.payload, other.payload)
    # A seed is told once, though every stage has it.
    return list(dict.fromkeys(reasons))


def _judge(store: Store, evaluation: Record) -> dict[str, Any] | None:
    """Return what the scores that a model was trained on depend on of their judge; None where they are gone."""
    record: Record | None = evaluation
    for stage in ("dpo", "pairs", "scores"):
        record = store.find(stage, record.inputs[stage].key) if record else None
    if record is None:
        return None
    trained = record.inputs.get("judge")
    scoring = record.payload["settings"]["scoring"]
    rules = {name: scoring.get(name) for name in ("unit", "pass_rule")}
    return {"outside": record.payload["outside"], "trained": trained.digest if trained else None, **rules}


def _evaluation(store: Store, name: str) -> Record:
    for run in store.runs.newest(name):
        key = _keys(run).get("evaluate")
        record = store.find("evaluate", key) if key else None
        if record is None:
            continue
        if record.payload["version"] != evaluate.VERSION:
            what = f"evaluated by version {record.payload['version']} of the stage, not {evaluate.VERSION}"
            raise UserError(what, name, "run its recipe again, which measures the same model anew")
        return record
    measured = (str(run["run"]) for run in store.runs.newest() if _keys(run).get("evaluate"))
    newest = ", ".join(dict.fromkeys(islice(measured, _NAMED)))
    hint = f"measured are {newest}" if newest else "run a recipe to its end first"
    raise UserError("no run of this name has an evaluation", name or "an empty name", hint)


def _measured(record: Record, store: Store) -> Measured:
    return Measured(store.reference(record), record.inputs["evaluate_base"], record.inputs["dpo"].digest)


def _labels(store: Store, name: str) -> Labels:
    """Return what the recipe of a run calls evaluator and text, which only its publication tells."""
    for run in store.runs.newest(name):
        key = _keys(run).get("publish")
        record = store.find("publish", key) if key else None
        if record is not None:
            settings = record.payload["settings"]
            return Labels(evaluator=LIBRARIES[settings["evaluator"]["kind"]], text=settings["corpus"]["title"])
    return Labels(evaluator="Held-out", text="held-out")


def _keys(run: Mapping[str, Any]) -> dict[str, str | None]:
    return {row["stage"]: row["key"] for row in run["stages"]}
