"""Retraining: align → (the champion on the new items) → decision → the pointer moves, or stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.align import run_stages
from saga_core.artifacts.pointer import Pointer
from saga_core.errors import SagaError
from saga_core.evaluation.guards import Guards
from saga_core.reporting.champion import champion_page
from saga_core.telling import tell
from tasks import evaluate_champion
from tasks.asking import open_run
from tasks.report import report_unchanged
from tasks.retraining import (
    Verdict,
    anew,
    arrange,
    compared,
    crown,
    promotes,
    reasons_of,
    require_sound,
    settled,
)
from tasks.runner import Runner
from tasks.session import Outcome, Session
from tasks.states import state_of_failure

# Runs a stage, given the outcomes of its inputs.
Run = Callable[..., Outcome]

_DEFAULT = Guards()
_STATE_NAMES = {"promoted": "Promoted", "kept": "Kept", "unchanged": "NothingToDo"}


@flow(name="retrain", flow_run_name="retrain-{recipe}", persist_result=False)
def retrain(recipe: str, guards: Guards = _DEFAULT, store: str = "") -> State[Any]:
    """Align a model anew, and make it the language's champion if it is better; else keep the champion.

    Args:
        recipe: Name of a recipe, or the path of one.
        guards: What a new adapter must show.
        store: Where artifacts are kept, s3://bucket/prefix or a folder that the workers allow; empty: the workers' own.

    Returns:
        A state that is named for what became of it, with the run's report and the verdict as data.
    """
    try:
        session = open_run(recipe, store=store)
        if done := settled(session, guards):
            return _end(session, report_unchanged(session, done[1]), done[0])
        Pointer(session.store, session.recipe.language).check_movable()
        run = Runner(session, None)
        made = run_stages(run)
        verdict = None
        while verdict is None:
            verdict = compete(run, session, guards, made)
        return _end(session, run.report.as_dict(), verdict)
    except SagaError as error:
        return state_of_failure(error)


def compete(run: Run, session: Session, guards: Guards, made: dict[str, Outcome]) -> Verdict | None:
    """Decide between a new adapter and the champion; None where the champion was changed meanwhile."""
    contest = arrange(session, guards, made)
    if contest.is_over:
        return contest.over("kept")
    require_sound(session, contest)
    if contest.adapted:
        made["evaluate_champion"] = run(evaluate_champion.STAGE, **anew(made, contest))
    decision = run(contest.stage, **compared(made, contest))
    if not promotes(decision):
        return Verdict("kept", reasons_of(decision), contest.terms.champion)
    entry = crown(session, contest, made, decision)
    if entry is None:
        tell(f"  champion: that of {session.recipe.language} was changed meanwhile; deciding anew")
        return None
    return Verdict("promoted", entry.reasons, entry)


def _end(session: Session, report: dict[str, Any], verdict: Verdict) -> State[Any]:
    """Leave the reasons on the run's page, and name its state for the verdict."""
    language = session.recipe.language
    page = champion_page(language, verdict.said, verdict.reasons, verdict.champion)
    try:
        create_markdown_artifact(page, key=f"champion-{language}", description=verdict.line)
    except Exception as error:
        # The pointer has moved, or not, whatever becomes of its page.
        get_run_logger().warning("no page for the champion: %s", error)
    get_run_logger().info(verdict.line)
    return Completed(name=_STATE_NAMES[verdict.what], message=verdict.line, data=report | verdict.as_dict())
