"""Low-rank adapters: making one, merging it, joining two into one for the original base, and checking the result."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from saga_core.errors import StageError, UserError
from saga_core.recipe import LoraSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# PEFT still asks for it by that name, once for each adapter.
warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated", category=FutureWarning)

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
LOGITS = "logits.safetensors"


def lora_config(model: PreTrainedModel, settings: LoraSettings) -> LoraConfig:
    """Return PEFT's configuration of a fresh adapter for a model.

    Args:
        model: The model to adapt.
        settings: Rank, alpha, dropout and the modules to adapt.

    Raises:
        UserError: The model lacks a module that is to be adapted.
    """
    names = ["." + name for name, _ in model.named_modules()]
    if missing := [t for t in settings.target_modules if not any(name.endswith("." + t) for name in names)]:
        raise UserError(
            f"the model has no module {', '.join(missing)}",
            "lora.target_modules",
            f"name modules of {type(model).__name__}",
        )
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=settings.r,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=sorted(settings.target_modules),
    )


def save_adapter(model: PeftModel, name: str, folder: Path) -> None:
    """Write one adapter of a model flat into a folder, the same bytes for the same adapter.

    PEFT's own writer puts an adapter that is not named ``default`` into a sub-folder, adds a model card, lists the
    target modules in the order of a set, and names the base by the path it was loaded from.

    Args:
        model: Model with the adapter.
        name: The adapter's name in the model.
        folder: Folder for ``adapter_model.safetensors`` and ``adapter_config.json``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights = get_peft_model_state_dict(model, adapter_name=name, save_embedding_layers=False)
    save_file(
        {key: tensor.detach().cpu().contiguous() for key, tensor in weights.items()},
        folder / WEIGHTS,
        metadata={"format": "pt"},
    )
    model.peft_config[name].save_pretrained(str(folder))
    _edit_config(folder, base_model_name_or_path=None, inference_mode=True)


def adapter_base_name(folder: Path, name: str, revision: str | None) -> None:
    """Name the base model in an adapter's configuration.

    Args:
        folder: The adapter.
        name: Hub id or folder of the original base model.
        revision: Its commit on the Hub, or None.
    """
    _edit_config(folder, base_model_name_or_path=name, revision=revision)


def merge(model: PreTrainedModel, adapter: Path) -> PreTrainedModel:
    """Add an adapter to the weights of a model.

    Args:
        model: Model in float32: in bfloat16 most of a small update is rounded away. It is changed.
        adapter: Folder of the adapter.

    Returns:
        The merged model, without adapters.

    Raises:
        StageError: The model is not in float32.
    """
    if model.dtype != torch.float32:
        raise StageError(f"the weights are {model.dtype}", "merge", "load the model in float32")
    merged: PreTrainedModel = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload(safe_merge=True)
    return merged


def concatenate(base: PreTrainedModel, sft_adapter: Path, dpo_adapter: Path, out: Path) -> PreTrainedModel:
    """Join an adapter for the base and one for the base merged with the first into one adapter for the base.

    W + s1 B1 A1 + s2 B2 A2 = W + [B1 B2] [s1 A1; s2 A2]: exact, with the ranks added up, and alpha equal to the rank.

    Args:
        base: The original base model.
        sft_adapter: Folder of the first adapter.
        dpo_adapter: Folder of the second, trained on the base with the first merged.
        out: Folder to write the joined adapter to.

    Returns:
        The base model, as it was.
    """
    model = PeftModel.from_pretrained(base, str(sft_adapter), adapter_name="sft")
    model.load_adapter(str(dpo_adapter), adapter_name="dpo")
    # The default type, svd, loses what does not fit into the larger of the two ranks.
    model.add_weighted_adapter(["sft", "dpo"], [1.0, 1.0], "saga", combination_type="cat")
    save_adapter(model, "saga", out)
    restored: PreTrainedModel = model.unload()
    return restored


def record_logits(model: PreTrainedModel | PeftModel, input_ids: torch.Tensor, folder: Path) -> None:
    """Write what a model predicts for some tokens, for ``assert_same_logits`` to compare with.

    Args:
        model: Model in float32.
        input_ids: Token ids, [rows, tokens], no padding.
        folder: Folder for ``logits.safetensors`` (``input_ids`` and float32 ``logits`` [rows, tokens, vocabulary]).
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"input_ids": input_ids.cpu(), "logits": _logits(model, input_ids)}, folder / LOGITS)


def assert_same_logits(model: PreTrainedModel | PeftModel, folder: Path, tolerance: float = 1e-3) -> float:
    """Check that a model predicts what was recorded when it was trained.

    Args:
        model: Base with adapter, in float32; in bfloat16 rounding alone can exceed the tolerance.
        folder: Folder with ``logits.safetensors``.
        tolerance: Largest difference, as a share of the largest recorded logit.

    Returns:
        The largest absolute difference of two logits.

    Raises:
        StageError: A logit differs by more.
    """
    recorded = load_file(folder / LOGITS)
    difference = float((_logits(model, recorded["input_ids"]) - recorded["logits"]).abs().max())
    largest = float(recorded["logits"].abs().max())
    # Not-a-number compares false, so the test is for what is allowed.
    if not difference <= tolerance * largest:
        raise StageError(
            f"logits differ by up to {difference:.2g} (largest logit {largest:.2g}) from those recorded in training",
            str(folder),
            "load the base it was trained on, in float32; if it is that one, train again",
        )
    return difference


def _logits(model: PreTrainedModel | PeftModel, input_ids: torch.Tensor) -> torch.Tensor:
    was_training = model.training
    model.eval()
    with torch.no_grad():
        logits: torch.Tensor = model(input_ids=input_ids.to(model.device)).logits
    model.train(was_training)
    return logits.float().cpu().contiguous()


def _edit_config(folder: Path, **changes: Any) -> None:  # noqa: ANN401 - values of JSON
    path = folder / CONFIG
    config = json.loads(path.read_text(encoding="utf-8")) | changes
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
