"""DPO with LoRA on the pairs, optionally with an NLL term on real text; one adapter for the original base."""

from __future__ import annotations

from typing import Any

from saga_core.artifacts.tables import read_rows
from saga_core.errors import UserError
from saga_core.recipe import Recipe
from saga_core.training.history import last_epoch_mean, write_history
from tasks.checkpoints import StoredCheckpoints
from tasks.stage import Stage, Work
from tasks.tracking import tracking_of

VERSION = 1

_LEAST_WORDS = 5


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the stage's slice of the recipe."""
    return {"dpo": recipe.dpo.model_dump(), "lora": recipe.lora.model_dump(), "seed": recipe.seed_of_training}


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
    # By paragraph: more context than a sentence, and still short rows; a heading teaches little.
    paragraphs = (paragraph for row in documents for paragraph in row["text"].split("\n"))
    real = [paragraph for paragraph in paragraphs if len(paragraph.split()) >= _LEAST_WORDS]
    with tracking_of(work, "dpo") as tracking:
        result = train_dpo(
            base.location,
            base.revision,
            work.inputs["sft"] / "adapter" if "sft" in work.inputs else None,
            pairs,
            real,
            recipe.dpo,
            recipe.lora,
            recipe.runtime,
            recipe.seed_of_training,
            work.out,
            checkpoints=StoredCheckpoints(work),
            tracking=tracking,
        )
    write_history(work.out, result.history)
    used = len(pairs) - result.dropped_too_long

    def mean(name: str) -> float:
        return last_epoch_mean(result.history, name, used, recipe.dpo.batch_size, recipe.dpo.epochs)

    nll = mean("nll") if recipe.dpo.nll_weight else 0.0
    return {
        "pairs": used,
        "dropped_too_long": result.dropped_too_long,
        "dpo_loss": mean("loss") - recipe.dpo.nll_weight * nll,
        "nll": nll if recipe.dpo.nll_weight else None,
        "reward_accuracy": mean("rewards/accuracies"),
        "reward_margin": mean("rewards/margins"),
        "logps_chosen": mean("logps/chosen"),
        "first_logps_chosen": result.history[0]["logps/chosen"],
    }


STAGE = Stage("dpo", VERSION, settings, compute, outside=("model",), inputs=("data", "sft", "pairs"), pool="gpu")
