"""DPO with LoRA on the pairs, optionally with an NLL term on real text; one adapter for the original base."""

from __future__ import annotations

from typing import Any

from saga_core.artifacts.tables import read_rows
from saga_core.errors import UserError
from saga_core.recipe import Recipe
from tasks.sft import write_history
from tasks.stage import Stage, Work

VERSION = 1


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the stage's slice of the recipe."""
    return {"dpo": recipe.dpo.model_dump(), "lora": recipe.lora.model_dump(), "seed": recipe.seed}


def compute(work: Work) -> dict[str, Any]:
    """Train, and write the adapter with the logits that publication must reproduce."""
    from saga_core.preferences.pairs import Pair
    from saga_core.training.dpo import train_dpo

    recipe, base = work.recipe, work.outside["model"]
    pairs = [Pair(**row) for row in read_rows(work.inputs["pairs"] / "pairs.parquet")]
    if len(pairs) < recipe.dpo.min_pairs:
        what = f"too few pairs to train: {len(pairs)}, and dpo.min_pairs is {recipe.dpo.min_pairs}"
        raise UserError(what, "dpo", "raise corpus.prompts, or lower pairs.min_gap, pairs.min_chosen or dpo.min_pairs")
    documents = read_rows(work.inputs["data"] / "train_documents.parquet")
    # By paragraph: more context than a sentence, and about as long as a pair's side.
    real = [paragraph for row in documents for paragraph in row["text"].split("\n")]
    result = train_dpo(
        base.location,
        base.revision,
        work.inputs["sft"] / "adapter" if "sft" in work.inputs else None,
        pairs,
        real,
        recipe.dpo,
        recipe.lora,
        recipe.runtime,
        recipe.seed,
        work.out,
    )
    write_history(work, result.history)
    last = result.history[-1]
    return {"pairs": len(pairs) - result.dropped_too_long, "dropped_too_long": result.dropped_too_long} | {
        name.replace("rewards/", "reward_"): last[name]
        for name in ("loss", "nll", "rewards/accuracies", "rewards/margins", "logps/chosen")
        if name in last
    }


STAGE = Stage("dpo", VERSION, settings, compute, outside=("model",), inputs=("data", "sft", "pairs"))
