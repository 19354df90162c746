"""KL-SFT, where the gate asks for it: CE + λ·KL(π_θ ‖ π_base) on sentences that the judge finds good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from saga_core.artifacts.shards import Rows, make_rows
from saga_core.artifacts.tables import read_rows, write_rows
from saga_core.errors import UserError
from saga_core.recipe import Recipe
from saga_core.training.history import write_history
from tasks.checkpoints import StoredCheckpoints
from tasks.parsers import load_parser
from tasks.stage import Stage, Work
from tasks.tracking import tracking_of

if TYPE_CHECKING:
    from saga_core.artifacts.shards import Compute
    from saga_core.progress import Tick

VERSION = 2

_JUDGED = {"text": "string", "good": "bool"}


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the stage's slice of the recipe; whether it runs is the gate's business."""
    return {
        "sft": recipe.sft.model_dump(exclude={"mode", "tau"}),
        "lora": recipe.lora.model_dump(),
        "pass_rule": recipe.scoring.pass_rule,
        "language": recipe.language,
        "seed": recipe.seed_of_training,
    }


def skip(recipe: Recipe, seen: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Say why KL-SFT is skipped: by the recipe, or by the gate's decision."""
    if recipe.sft.mode == "skip":
        return "sft.mode is skip"
    gate = seen.get("gate")
    if recipe.sft.mode == "force" or gate is None or gate["run_sft"]:
        return None
    return f"base PS {gate['parse_success']:.1%} ≥ τ {gate['tau']:.0%}"


def consults(recipe: Recipe) -> tuple[str, ...]:
    """Only in the mode auto does the gate's decision count."""
    return ("gate",) if recipe.sft.mode == "auto" else ()


def compute(work: Work) -> dict[str, Any]:
    """Choose the sentences and train the adapter."""
    from saga_core.training.kl_sft import train_kl_sft

    recipe, base = work.recipe, work.outside["model"]
    texts = [row["text"] for row in read_rows(work.inputs["data"] / "train_sentences.parquet")]

    def prepare() -> Compute[str]:
        judge = load_parser(work, "judge", unit="all_sentences")

        def judged(part: Sequence[str], tick: Tick) -> list[dict[str, Any]]:
            verdicts = zip(part, judge.judge(part, tick), strict=True)
            return [{"text": text, "good": v.passed and v.quality >= recipe.sft.min_quality} for text, v in verdicts]

        return judged

    rows = Rows("sentences", texts, prepare, _JUDGED, "sentences")
    kept = [row["text"] for row in make_rows(work.partial, rows, recipe.runtime.shard_rows) if row["good"]]
    if not kept:
        what = f"none of {len(texts)} training sentences reaches the quality {recipe.sft.min_quality}"
        raise UserError(what, "sft.min_quality", "lower it")
    write_rows(work.out / "sentences.parquet", [{"text": text} for text in kept], {"text": "string"})
    with tracking_of(work, "sft") as tracking:
        trained = train_kl_sft(
            base.location,
            base.revision,
            kept,
            recipe.sft,
            recipe.lora,
            recipe.runtime,
            recipe.seed_of_training,
            work.out / "adapter",
            checkpoints=StoredCheckpoints(work),
            tracking=tracking,
        )
    write_history(work.out, trained.history)
    return {
        "sentences": len(kept) - trained.dropped_too_long,
        "dropped_too_long": trained.dropped_too_long,
        "sentences_judged": len(texts),
        "loss": trained.history[-1]["loss"],
    }


STAGE = Stage(
    "sft",
    VERSION,
    settings,
    compute,
    outside=("model", "judge"),
    inputs=("judge", "data"),
    consults=consults,
    skip=skip,
    pool="gpu",
)
