"""From a recipe and what varies to the arms of an ablation: opened, checked before anything is spent, and compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saga_core.artifacts.fingerprint import digest
from saga_core.errors import StageError, UserError
from saga_core.evaluation.comparability import incomparable
from saga_core.reporting.comparison import Labels
from saga_core.varying import Variant, variants
from tasks import comparison, evaluate
from tasks.comparison import Design, Measured
from tasks.pipeline import PIPELINE
from tasks.plan import make_plan, outcomes_of
from tasks.results import LIBRARIES
from tasks.session import Outcome, Session
from tasks.stage import Stage

# What decides the items that an arm is measured on.
_ITEMS = ("data", "items")


@dataclass(frozen=True)
class ArmRun:
    """One run of an ablation.

    Attributes:
        title: Of its arm.
        seed: Its training seed; None: the recipe's.
        session: The run.
    """

    title: str
    seed: int | None
    session: Session

    def as_dict(self) -> dict[str, Any]:
        """Return it as ``--json`` prints it."""
        return {"arm": self.title, "training_seed": self.seed, "run": self.session.run}


@dataclass(frozen=True)
class Contrast:
    """The comparison of an ablation, ready to be run or looked up.

    Attributes:
        session: Its own run, named for all that is compared.
        stage: The stage.
        inputs: Outcomes that it reads.
    """

    session: Session
    stage: Stage
    inputs: Mapping[str, Outcome]


def open_arms(
    open_one: Callable[[tuple[str, ...]], Session], vary: Sequence[str], seeds: Sequence[int], fixed: Sequence[str]
) -> list[ArmRun]:
    """Open every run of an ablation, an arm after another and the seeds of an arm in order.

    Args:
        open_one: Opens the recipe's session with settings in place of its own.
        vary: What varies, ``key=a,b``.
        seeds: Training seeds of every arm; none: the recipe's alone.
        fixed: Settings of all arms.

    Raises:
        UserError: A setting is wrong, or makes arms that could not be compared.
    """
    each: list[int | None] = [*dict.fromkeys(seeds)]
    arms = [
        ArmRun(variant.title, seed, _open(open_one, variant, seed))
        for variant in variants(vary, (*fixed, *(["training_seed"] if each else [])))
        for seed in each or [None]
    ]
    for arm in arms[1:]:
        if reasons := incomparable(_evaluation(arms[0].session), _evaluation(arm.session)):
            what = f"it would not be comparable with {arms[0].title}: {'; '.join(reasons)}"
            raise UserError(what, f"--vary {arm.title}", "vary what the training depends on, and fix the rest by --set")
    return arms


def contrast_of(arms: Sequence[ArmRun], made: Sequence[Mapping[str, Outcome]]) -> Contrast:
    """Return the comparison of arms that were run.

    Args:
        arms: The runs.
        made: Outcomes of each one's stages, by name.
    """
    measured: dict[str, list[Measured]] = {}
    for arm, stages in zip(arms, made, strict=True):
        measured.setdefault(arm.title, []).append(_measured(stages))
    design, first = Design.of(measured), arms[0].session
    labels = Labels(evaluator=LIBRARIES[first.recipe.evaluator.kind], text=first.recipe.corpus.title)
    # It is no run of the recipe: its name leads nobody to an adapter.
    recipe = first.recipe.model_copy(update={"name": f"{first.recipe.name}-ablation"})
    run = f"{recipe.name}-{digest([arm.as_dict() for arm in arms])[:10]}"
    inputs = {
        name: Outcome(reference.stage, "cached", "of an arm", reference)
        for name, reference in design.references.items()
    }
    return Contrast(dataclasses.replace(first, recipe=recipe, run=run), comparison.stage(design, labels), inputs)


def settled(arms: Sequence[ArmRun]) -> tuple[Contrast, Outcome] | None:
    """Return the comparison where everything is stored already; nothing is computed for that. Else None."""
    made = []
    for arm in arms:
        done = outcomes_of(make_plan(arm.session, PIPELINE), arm.session)
        if done is None:
            return None
        made.append({outcome.stage: outcome for outcome in done})
    contrast = contrast_of(arms, made)
    references = {name: outcome.reference for name, outcome in contrast.inputs.items() if outcome.reference}
    lookup = contrast.session.look_up(contrast.stage, references)
    return (contrast, contrast.session.cached(lookup, lookup.record)) if lookup.record else None


def _open(open_one: Callable[[tuple[str, ...]], Session], variant: Variant, seed: int | None) -> Session:
    training = () if seed is None else (f"training_seed={seed}",)
    try:
        return open_one((*variant.overrides, *training))
    except UserError as error:
        told = error.where.removeprefix("--set ")
        option = "--seeds" if told in training else "--vary" if told in variant.overrides else "--set"
        where = f"{option} {told}" if told != error.where else error.where
        raise UserError(error.what, where, error.remedy) from error


def _evaluation(session: Session) -> dict[str, Any]:
    """Return what a run's evaluation will depend on, but for the adapter, before it is run."""
    asked = {
        stage.name: digest(stage.payload(session.recipe, session.outside, {}))
        for stage in PIPELINE
        if stage.name in _ITEMS
    }
    return evaluate.STAGE.payload(session.recipe, session.outside, {}) | {"inputs": asked}


def _measured(stages: Mapping[str, Outcome]) -> Measured:
    found = {name: stages[name].reference for name in ("evaluate", "evaluate_base", "dpo")}
    evaluation, base, trained = found.values()
    if evaluation is None or base is None or trained is None:
        raise StageError("an arm was not measured", comparison.NAME, "run the same command again")
    return Measured(evaluation, base, trained.digest)
