"""Stages as Prefect tasks: one task run a stage, its state saying what became of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from prefect import get_run_logger, task
from prefect.artifacts import MarkdownArtifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run, task_run

from saga_core.errors import SagaError, StageError
from saga_core.telling import tell
from tasks.page import page_of
from tasks.pools import compute_in_pools, uses_pools
from tasks.progress_artifact import posting
from tasks.ray_cluster import uses_ray
from tasks.ray_spread import compute_on_ray
from tasks.report import RunReport
from tasks.session import Outcome, Session
from tasks.stage import Stage
from tasks.states import state_of, state_of_failure


# The store is the authority on what is cached; Prefect's own result cache would unpickle what it reads.
@task(persist_result=False, cache_policy=NO_CACHE)
def run_stage(stage: Stage, session: Session, inputs: Mapping[str, Outcome]) -> State[Outcome]:
    """Skip, look up or compute one stage.

    Args:
        stage: The stage.
        session: The run's recipe, outside inputs and store.
        inputs: Outcomes of the stages it reads or consults, by name.

    Returns:
        A Prefect state that is named for what became of the stage, with its outcome, or its error, as data.
    """
    logger = get_run_logger()
    try:
        with posting(task_run.id, flow_run.id):
            outcome = resolve(stage, session, inputs)
    except SagaError as error:
        return state_of_failure(error)
    logger.info("%s: %s (%s)", stage.name, outcome.state, outcome.why)
    return state_of(outcome)


def resolve(stage: Stage, session: Session, inputs: Mapping[str, Outcome]) -> Outcome:
    """Skip, look up or compute one stage; what the Prefect task does, without Prefect."""
    seen: dict[str, Mapping[str, Any]] = {n: o.headline for n, o in inputs.items() if o.headline is not None}
    if reason := stage.skip(session.recipe, seen):
        return Outcome(stage.name, "skipped", reason)
    found = {name: inputs[name].reference for name in stage.inputs}
    references = {name: reference for name, reference in found.items() if reference is not None}
    lookup = session.look_up(stage, references)
    if lookup.record is not None:
        return session.cached(lookup, lookup.record)
    # Asked first, so that a wrong setting is told at once, and not after the first training.
    ray, pools = uses_ray(), uses_pools()
    if ray and stage.rows is not None:
        return compute_on_ray(stage, session, lookup, references)
    if pools:
        return compute_in_pools(stage, session, lookup, references)
    return session.compute(stage, lookup, references)


class Runner:
    """Runs stages one after another as Prefect tasks and keeps the run's report in the store.

    Args:
        session: The run's recipe, outside inputs and store.
        until: Name of the last stage to run, or None for all.
    """

    def __init__(self, session: Session, until: str | None) -> None:
        self._session = session
        self._until = until
        self._stopped = False
        self._asked: dict[str, tuple[Stage, dict[str, Outcome]]] = {}
        self._mended: dict[str, Outcome] = {}
        self.report = RunReport(session)
        if not session.store.capabilities.conditional_writes:
            tell(
                f"  store: {session.store.uri} has no conditional writes: two runs that make the same artifact both "
                "compute it, and the first record counts"
            )

    def __call__(self, stage: Stage, **inputs: Outcome) -> Outcome:
        """Run a stage.

        Args:
            stage: The stage.
            **inputs: Outcomes of the stages it reads or consults.

        Returns:
            What became of it; its reference is None when it was skipped or comes after ``until``.
        """
        if self._stopped:
            return Outcome(stage.name, "skipped", f"after --until {self._until}")
        # A stage that was made again because it was damaged may have come out otherwise.
        inputs = {name: self._mended.get(name, outcome) for name, outcome in inputs.items()}
        self._asked[stage.name] = (stage, inputs)
        outcome = self._run(stage, inputs, self._session)
        self._stopped = stage.name == self._until
        return outcome

    def _run(self, stage: Stage, inputs: dict[str, Outcome], session: Session) -> Outcome:
        outcome = self._run_once(stage, inputs, session)
        while outcome.damaged is not None:
            if outcome.damaged not in self._asked:
                # Made by another run, as a champion is.
                raise StageError(outcome.why, stage.name, "saga verify names what is damaged")
            damaged, its_inputs = self._asked[outcome.damaged]
            if damaged.name in self._mended:
                # Once may be an accident; a disk or a line that spoils everything would be served for ever.
                raise StageError(outcome.why, stage.name, "saga verify names what is damaged")
            # That stage alone is made again, and its artifact is hashed in full before it is believed.
            distrusting = dataclasses.replace(self._session, distrusted=frozenset({damaged.name}))
            self._mended[damaged.name] = self._run(damaged, its_inputs, distrusting)
            inputs = {**inputs, damaged.name: self._mended[damaged.name]}
            outcome = self._run_once(stage, inputs, session)
        return outcome

    def _run_once(self, stage: Stage, inputs: Mapping[str, Outcome], session: Session) -> Outcome:
        named = run_stage.with_options(name=stage.name, task_run_name=stage.name)
        self.report.begin(stage.name)
        try:
            state = named(stage, session, inputs, return_state=True)
            outcome = cast(Outcome, state.result())
        except BaseException as error:
            self.report.fail(stage.name, error)
            error.__dict__["report"] = self.report.as_dict()
            raise
        try:
            self.report.add(outcome)
        except SagaError as error:
            error.__dict__["report"] = self.report.as_dict()
            raise
        self._leave_artifact(outcome, state.state_details.task_run_id)
        return outcome

    def _leave_artifact(self, outcome: Outcome, task_run_id: UUID | None) -> None:
        # Made here and not in the task: a cached stage's page shows its artifact too.
        key = f"{self._session.recipe.name}-{outcome.stage}".replace("_", "-").replace(".", "-")
        try:
            page = page_of(outcome, self._session)
            description = f"Stage {outcome.stage}: {outcome.state}"
            MarkdownArtifact(key=key, description=description, markdown=page, task_run_id=task_run_id).create()
        except Exception as error:
            # The stage is done and stored, whatever becomes of its page.
            get_run_logger().warning("no page for %s: %s", outcome.stage, error)
