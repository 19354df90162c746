"""The pipeline: data → probe → gate → (KL-SFT) → candidates → scores → pairs → DPO → evaluation → publication."""

from __future__ import annotations

from typing import Any

from prefect import flow

from saga_core.recipe_file import load_recipe
from tasks import candidates, data, dpo, evaluate, evaluate_base, gate, pairs, probe, publish, scores, sft
from tasks.opening import open_session
from tasks.pipeline import check_stage
from tasks.runner import Runner


@flow(name="align", flow_run_name="align-{recipe}", persist_result=False)
def align(
    recipe: str,
    store: str,
    overrides: tuple[str, ...] = (),
    until: str | None = None,
    refresh: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Align one model to the grammar of one language.

    Args:
        recipe: Name of a recipe, or the path of one.
        store: Folder or URI of the artifacts.
        overrides: Settings in place of the recipe's, as ``key=value``.
        until: Last stage to run; default: all.
        refresh: Stages to compute although they are cached.

    Returns:
        The run's report.
    """
    until = check_stage(until, "until") if until else None
    refreshed = frozenset(check_stage(name, "refresh") for name in refresh)
    run = Runner(open_session(load_recipe(recipe, overrides), store, refreshed), until)

    prepared = run(data.STAGE)
    base_ps = run(probe.STAGE, data=prepared)
    decision = run(gate.STAGE, probe=base_ps)
    tuned = run(sft.STAGE, data=prepared, gate=decision)
    sampled = run(candidates.STAGE, data=prepared, sft=tuned)
    scored = run(scores.STAGE, candidates=sampled)
    preferred = run(pairs.STAGE, scores=scored)
    aligned = run(dpo.STAGE, data=prepared, sft=tuned, pairs=preferred)
    before = run(evaluate_base.STAGE, data=prepared)
    after = run(evaluate.STAGE, data=prepared, dpo=aligned, evaluate_base=before)
    run(
        publish.STAGE,
        probe=base_ps,
        gate=decision,
        sft=tuned,
        scores=scored,
        pairs=preferred,
        dpo=aligned,
        evaluate_base=before,
        evaluate=after,
    )
    return run.report.as_dict()
