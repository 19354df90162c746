"""The plan: for every stage, whether it is cached, will run, will be skipped or is undecided, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from saga_core.artifacts.record import Record, Reference
from tasks.session import Outcome, Session
from tasks.stage import Stage

PlanState = Literal["cached", "run", "skip", "undecided"]


@dataclass(frozen=True)
class Planned:
    """What a run would do with a stage.

    Attributes:
        stage: Its name.
        state: ``cached``, ``run``, ``skip`` or ``undecided`` (behind a gate not yet measured).
        why: Which field, input, version or decision makes it so.
        key: The key, where all inputs are known.
        record: The stored artifact of a cached stage.
    """

    stage: str
    state: PlanState
    why: str
    key: str | None = None
    record: Record | None = None


def make_plan(session: Session, stages: Sequence[Stage]) -> list[Planned]:
    """Plan a run without computing anything.

    Args:
        session: Recipe, pinned outside inputs and store.
        stages: Stages in order; a stage's inputs come before it.
    """
    plan: dict[str, Planned] = {}
    for stage in stages:
        plan[stage.name] = _plan_stage(session, stage, plan)
    return list(plan.values())


def _plan_stage(session: Session, stage: Stage, plan: Mapping[str, Planned]) -> Planned:
    seen: dict[str, Mapping[str, Any]] = {}
    consulted = stage.consults(session.recipe)
    for name in consulted:
        record = plan[name].record
        if record is not None:
            seen[name] = record.headline
    if reason := stage.skip(session.recipe, seen):
        return Planned(stage.name, "skip", reason)
    if unmeasured := [name for name in consulted if name not in seen]:
        return Planned(stage.name, "undecided", f"waits for the decision of {', '.join(unmeasured)}")
    references: dict[str, Reference] = {}
    for name in stage.inputs:
        before = plan[name]
        if before.state in ("run", "undecided"):
            verb = "is undecided" if before.state == "undecided" else "will run"
            return Planned(stage.name, "run", f"its input {name} {verb}")
        if before.record is not None:
            references[name] = session.store.reference(before.record)
    lookup = session.look_up(stage, references)
    state: PlanState = "cached" if lookup.record else "run"
    return Planned(stage.name, state, lookup.why, lookup.key, lookup.record)


def outcomes_of(plan: Sequence[Planned], session: Session) -> list[Outcome] | None:
    """Return the outcomes of a run that has nothing to do, or None when something is to be done."""
    if any(planned.state not in ("cached", "skip") for planned in plan):
        return None
    outcomes = []
    for planned in plan:
        if planned.record is None:
            outcomes.append(Outcome(planned.stage, "skipped", planned.why))
        else:
            reference = session.store.reference(planned.record)
            outcomes.append(Outcome(planned.stage, "cached", planned.why, reference, 0.0, planned.record.headline))
    return outcomes
