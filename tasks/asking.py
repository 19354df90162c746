"""Who asks for a run: a person at this machine, or somebody over the network through a deployment."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from uuid import UUID

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from saga_core import languages
from saga_core.confinement import Confinement
from saga_core.environment import DEFAULT_STORE, STORE
from saga_core.errors import StageError, UserError
from saga_core.recipe import Recipe
from saga_core.recipe_file import load_recipe, recipe_names
from tasks.opening import open_asked
from tasks.pipeline import STAGE_NAMES, check_stage, stage_named
from tasks.prefect_api import patiently
from tasks.session import Session

ALLOW_CPU = "SAGA_ALLOW_CPU"


def confinement() -> Confinement | None:
    """Return what this flow run may name on this machine; None where its user could read everything anyway."""
    return Confinement.of_environment() if runtime.deployment.id else None


def _nothing(recipe: Recipe) -> tuple[str, ...]:
    return ()


def _made_before() -> frozenset[str]:
    """Return the stages that an earlier try of this flow run has made, and that a retry need not make once more."""
    if (runtime.flow_run.run_count or 1) == 1:
        return frozenset()
    run = FlowRunFilter(id=FlowRunFilterId(any_=[UUID(runtime.flow_run.id)]))
    with get_client(sync_client=True) as client:
        tried = patiently(lambda: client.read_task_runs(flow_run_filter=run))
    return frozenset(task.name for task in tried if task.state_name == "Completed")


def open_run(
    recipe: str,
    choose: Callable[[Recipe], tuple[str, ...]] = _nothing,
    overrides: tuple[str, ...] = (),
    until: str = STAGE_NAMES[-1],
    refresh: tuple[str, ...] = (),
    store: str = "",
) -> Session:
    """Open the session of a flow run by its parameters.

    Args:
        recipe: Name or path of the recipe.
        choose: Given the recipe as its file has it, returns settings in its place; ``overrides`` come after them.
        overrides: Settings as ``key=value``.
        until: Last stage to run.
        refresh: Stages to compute although they are cached.
        store: Folder or URI of the artifacts; empty: the worker's own.

    Raises:
        UserError: One of them is wrong, or names what a parameter may not.
    """
    deployed = runtime.deployment.name
    if deployed in recipe_names() and recipe != deployed:
        # The form is filled with the values of that recipe, which are none of another's.
        remedy = f"start the deployment {recipe}" if recipe in recipe_names() else f"leave it at {deployed}"
        raise UserError(f"this deployment runs {deployed}, not {recipe}", "recipe", remedy)
    check_stage(until, "until")
    refreshed = frozenset(check_stage(name, "refresh") for name in refresh) - _made_before()
    confined = confinement()
    plain = confined.load(recipe, ())[0] if confined else load_recipe(recipe)
    place = store if confined else store or os.environ.get(STORE) or DEFAULT_STORE
    try:
        session = open_asked(recipe, (*choose(plain.recipe), *overrides), place, refreshed, confined)
    except UserError as error:
        if confined is None:
            raise
        raise _as_in_the_form(error) from error
    expected = deployed if deployed in languages.codes() else plain.recipe.language
    if confined and session.recipe.language != expected:
        # Its runs wait in the queue of that language, one at a time.
        what = f"this deployment runs {expected}, not {session.recipe.language}"
        raise UserError(what, "language", f"start a deployment of {session.recipe.language}")
    return session


def _as_in_the_form(error: UserError) -> UserError:
    """Say where a mistake is, and what to do, to somebody who has a form and no command line."""
    where, remedy = (text.replace("--set ", "") for text in (error.where, error.remedy))
    return UserError(error.what, f"overrides: {where}" if where != error.where else where, remedy)


def check_device(stage: str) -> None:
    """Refuse a GPU stage on a worker without a GPU, where it would take days instead of minutes.

    Raises:
        StageError: There is none, and ``SAGA_ALLOW_CPU`` is not 1.
    """
    if stage_named(stage).pool != "gpu" or os.environ.get(ALLOW_CPU) == "1":
        return
    import torch

    if not torch.cuda.is_available():
        remedy = f"start the worker where there is one, or with {ALLOW_CPU}=1"
        raise StageError(f"the worker on {platform.node()} has no CUDA device", stage, remedy)
