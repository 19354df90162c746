"""An ablation: every arm aligned, one after another, what they share made once; then one comparison of them all."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.align import run_stages
from saga_core.errors import SagaError
from tasks.ablation import contrast_of, open_arms
from tasks.asking import open_run
from tasks.runner import Runner
from tasks.session import Session
from tasks.states import state_of_failure


@flow(name="ablate", flow_run_name="ablate-{recipe}", persist_result=False)
def ablate(
    recipe: str,
    vary: tuple[str, ...],
    seeds: tuple[int, ...] = (),
    overrides: tuple[str, ...] = (),
    store: str = "",
) -> dict[str, Any] | State[Any]:
    """Align a recipe under several settings, and compare every arm with the first.

    Args:
        recipe: Name of a recipe, or the path of one.
        vary: Settings with several values each, key=a,b; the arms are all their combinations.
        seeds: Training seeds of every arm; none: the recipe's alone.
        overrides: Settings of all arms, each as key=value.
        store: Where artifacts are kept, s3://bucket/prefix or a folder that the workers allow; empty: the workers' own.

    Returns:
        The report of the comparison, or, where something failed, a state that says why in one line.
    """

    def open_one(settings: tuple[str, ...]) -> Session:
        return open_run(recipe, overrides=(*overrides, *settings), store=store)

    try:
        arms = open_arms(open_one, vary, seeds, overrides)
        made = [run_stages(Runner(arm.session, None)) for arm in arms]
        contrast = contrast_of(arms, made)
        run = Runner(contrast.session, None)
        run(contrast.stage, **contrast.inputs)
        return run.report.as_dict()
    except SagaError as error:
        return state_of_failure(error)
