"""Loading what stages share: the base model, with the SFT adapter merged where there is one, and the parsers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tasks.stage import Work

if TYPE_CHECKING:
    from saga_core.judges.protocol import Judge
    from saga_core.judges.rules import Unit


def load_base(work: Work) -> tuple[Any, Any]:
    """Load the base model.

    Returns:
        Model in evaluation mode on the recipe's device, and tokenizer.
    """
    from saga_core.generation.models import load_model, resolve_device

    base = work.outside["model"]
    return load_model(base.location, revision=base.revision, device=resolve_device(work.recipe.runtime.device))


def load_policy(work: Work) -> tuple[Any, Any]:
    """Load the model that writes candidates: the base, with KL-SFT's adapter merged where that stage ran.

    Returns:
        Model in evaluation mode on the recipe's device, and tokenizer.
    """
    model, tokenizer = load_base(work)
    if "sft" in work.inputs:
        model = with_adapter(model, work.inputs["sft"] / "adapter")
    return model, tokenizer


def with_adapter(model: Any, adapter: Path) -> Any:  # noqa: ANN401 - transformers' and PEFT's models
    """Put an adapter on the base model, for generation and measurement.

    In float32 it is merged, which is faster; in bfloat16 merging would round most of the update away, so there the
    adapter runs beside the weights, as with the model card's usage snippet.
    """
    import torch
    from peft import PeftModel

    from saga_core.training.lora import merge

    if model.dtype == torch.float32:
        return merge(model, adapter)
    return PeftModel.from_pretrained(model, str(adapter)).eval()


def load_parser(work: Work, which: Literal["judge", "evaluator"], unit: Unit | None = None) -> Judge:
    """Load the training judge or the held-out evaluator, as pinned.

    Args:
        work: The stage's work.
        which: Which of the recipe's two parsers.
        unit: The judged unit; default: the recipe's.
    """
    from saga_core.judges.protocol import load_judge

    recipe = work.recipe
    settings = recipe.judge if which == "judge" else recipe.evaluator
    pinned = settings.model_copy(update={"model": work.outside[which].location})
    return load_judge(pinned, recipe.language, unit or recipe.scoring.unit, recipe.runtime.workers)
