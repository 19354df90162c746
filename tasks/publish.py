"""Publication: one adapter that loads on the original base, its model card, and the figures beside it."""

from __future__ import annotations

import shutil
from typing import Any

from saga_core.artifacts.tables import read_rows
from saga_core.recipe import Recipe
from tasks.results import card_facts
from tasks.stage import Stage, Work

VERSION = 3


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the whole identity of the recipe: the card tells all of it."""
    unsaid = {"training_seed"} if recipe.training_seed is None else set()
    return recipe.model_dump(exclude={"runtime", *unsaid})


def compute(work: Work) -> dict[str, Any]:
    """Copy the adapter, name its base, check that it reproduces the trained logits, and write the card."""
    import torch
    from peft import PeftModel

    from saga_core.generation.models import load_model
    from saga_core.reporting.card import render_card
    from saga_core.reporting.plots import results_figure, scores_figure, training_figure
    from saga_core.training.lora import adapter_base_name, assert_same_logits

    base, dpo = work.outside["model"], work.inputs["dpo"]
    shutil.copytree(dpo / "adapter", work.out, dirs_exist_ok=True)
    adapter_base_name(work.out, base.location, base.revision)
    model, _ = load_model(base.location, revision=base.revision, device="cpu", dtype=torch.float32)
    difference = assert_same_logits(PeftModel.from_pretrained(model, str(work.out)), dpo)
    facts = card_facts(work)
    (work.out / "README.md").write_text(render_card(facts), encoding="utf-8")
    labels = {"evaluator": facts.evaluator, "text": work.recipe.corpus.title}
    pairs = read_rows(work.inputs["pairs"] / "pairs.parquet")
    scores = [row["score"] for row in read_rows(work.inputs["scores"] / "scores.parquet")]
    (work.out / "results.png").write_bytes(results_figure(facts.columns, **labels))
    (work.out / "training.png").write_bytes(training_figure(read_rows(dpo / "history.parquet")))
    chosen, rejected = ([row[f"{side}_score"] for row in pairs] for side in ("chosen", "rejected"))
    (work.out / "scores.png").write_bytes(scores_figure(scores, chosen, rejected))
    return {
        "adapter_bytes": (work.out / "adapter_model.safetensors").stat().st_size,
        "max_logit_difference": difference,
    }


STAGE = Stage(
    "publish",
    VERSION,
    settings,
    compute,
    outside=("model", "judge", "evaluator"),
    inputs=(
        "judge_check",
        "items",
        "probe",
        "gate",
        "sft",
        "scores",
        "pairs",
        "dpo",
        "evaluate_human",
        "evaluate_base",
        "evaluate",
        "panel",
    ),
)
