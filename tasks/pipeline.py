"""All stages in the order in which they run."""

from __future__ import annotations

import difflib

from saga_core.errors import UserError
from tasks import (
    candidates,
    data,
    dpo,
    evaluate,
    evaluate_base,
    evaluate_champion,
    evaluate_human,
    gate,
    items,
    judge,
    judge_check,
    pairs,
    panel,
    probe,
    publish,
    scores,
    sft,
)
from tasks.stage import Stage

PIPELINE: tuple[Stage, ...] = (
    data.STAGE,
    judge.STAGE,
    judge_check.STAGE,
    items.STAGE,
    probe.STAGE,
    gate.STAGE,
    sft.STAGE,
    candidates.STAGE,
    scores.STAGE,
    pairs.STAGE,
    dpo.STAGE,
    evaluate_human.STAGE,
    evaluate_base.STAGE,
    evaluate.STAGE,
    panel.STAGE,
    publish.STAGE,
)

STAGE_NAMES = tuple(stage.name for stage in PIPELINE)

# What comes after the pipeline when a language is retrained.
RETRAINING = ("evaluate_champion", "promotion")

# What comes after the arms of an ablation.
ABLATION = ("comparison",)


def stages_until(last: str | None) -> tuple[Stage, ...]:
    """Return the stages up to and including ``last``, or all.

    Raises:
        UserError: There is no such stage.
    """
    if last is None:
        return PIPELINE
    return PIPELINE[: STAGE_NAMES.index(check_stage(last, "--until")) + 1]


def check_stage(name: str, where: str, others: tuple[str, ...] = ()) -> str:
    """Return the name of a stage if there is one.

    Args:
        name: What was asked for.
        where: In which option or command.
        others: Stages beside those of the pipeline.

    Raises:
        UserError: There is none; names the nearest.
    """
    names = (*STAGE_NAMES, *others)
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"stages: {', '.join(names)}"
    raise UserError(f"unknown stage {name}", where, hint)


def stage_named(name: str) -> Stage:
    """Return a stage that workers may be asked for, by its name.

    Raises:
        UserError: There is none.
    """
    check_stage(name, "stage", (evaluate_champion.STAGE.name,))
    return next(stage for stage in (*PIPELINE, evaluate_champion.STAGE) if stage.name == name)
