"""data → (judge) → probe → gate → (KL-SFT) → candidates → scores → pairs → DPO → evaluation → publication.

What is measured on is gathered before anything is trained (items); the judge is measured too (judge_check), human text
as well (evaluate_human), and whether the judge was fooled (panel).
"""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.form import Choices
from saga_core.errors import SagaError
from tasks import (
    candidates,
    data,
    dpo,
    evaluate,
    evaluate_base,
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
from tasks.asking import open_run
from tasks.pipeline import STAGE_NAMES
from tasks.runner import Runner
from tasks.session import Outcome
from tasks.states import state_of_failure

StageName = Annotated[str, Field(json_schema_extra={"enum": list[Any](STAGE_NAMES)})]


@flow(name="align", flow_run_name="align-{recipe}", persist_result=False)
def align(
    recipe: str,
    choices: Choices = Choices(),  # noqa: B008 - frozen
    overrides: tuple[str, ...] = (),
    until: StageName = STAGE_NAMES[-1],
    refresh: tuple[StageName, ...] = (),
    store: str = "",
) -> dict[str, Any] | State[Any]:
    """Align one model to the grammar of one language; what the store already holds is not made again.

    Args:
        recipe: Name of a recipe, or the path of one in a folder that the workers allow.
        choices: The settings that matter most. What is not given stays as the recipe has it.
        overrides: Any other settings in place of the recipe's, each as key=value, such as dpo.epochs=3.
        until: Last stage to run.
        refresh: Stages to compute although they are cached.
        store: Where artifacts are kept, s3://bucket/prefix or a folder that the workers allow; empty: the workers' own.

    Returns:
        The run's report; or, where the run failed, a state that says why in one line.
    """
    try:
        session = open_run(recipe, choices.overrides, overrides, until, refresh, store)
        run = Runner(session, until)
        run_stages(run)
        return run.report.as_dict()
    except SagaError as error:
        return state_of_failure(error)


def run_stages(run: Runner) -> dict[str, Outcome]:
    """Run the pipeline's stages, each with what it reads or consults; return their outcomes by name."""
    prepared = run(data.STAGE)
    oracle = run(judge.STAGE)
    checked = run(judge_check.STAGE, judge=oracle)
    measured_on = run(items.STAGE, data=prepared)
    base_ps = run(probe.STAGE, judge=oracle, data=prepared)
    decision = run(gate.STAGE, probe=base_ps)
    tuned = run(sft.STAGE, judge=oracle, data=prepared, gate=decision)
    sampled = run(candidates.STAGE, data=prepared, sft=tuned)
    scored = run(scores.STAGE, judge=oracle, candidates=sampled)
    preferred = run(pairs.STAGE, scores=scored)
    aligned = run(dpo.STAGE, data=prepared, sft=tuned, pairs=preferred)
    human = run(evaluate_human.STAGE, items=measured_on)
    before = run(evaluate_base.STAGE, items=measured_on)
    after = run(evaluate.STAGE, items=measured_on, dpo=aligned, evaluate_base=before)
    tricks = run(panel.STAGE, judge=oracle, pairs=preferred, evaluate_human=human, evaluate_base=before, evaluate=after)
    published = run(
        publish.STAGE,
        judge_check=checked,
        items=measured_on,
        probe=base_ps,
        gate=decision,
        sft=tuned,
        scores=scored,
        pairs=preferred,
        dpo=aligned,
        evaluate_human=human,
        evaluate_base=before,
        evaluate=after,
        panel=tricks,
    )
    outcomes = (
        prepared, oracle, checked, measured_on, base_ps, decision, tuned, sampled, scored, preferred, aligned, human,
        before, after, tricks, published,
    )  # fmt: skip
    return {outcome.stage: outcome for outcome in outcomes}
