"""Loading the base model, with an adapter where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.stage import Work


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
