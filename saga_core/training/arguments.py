"""The training arguments that both stages share."""

from __future__ import annotations

from typing import Any

from saga_core.generation.models import resolve_device
from saga_core.recipe import DpoSettings, RuntimeSettings, SftSettings


def shared_arguments(
    settings: SftSettings | DpoSettings, runtime: RuntimeSettings, seed: int, scratch: str
) -> dict[str, Any]:
    """Return the keyword arguments of ``SFTConfig`` and ``DPOConfig`` alike.

    AdamW without weight decay, gradients clipped at norm 1, the learning rate rising over the first tenth of the steps
    and then falling linearly to 0. Rows of like length share a batch.

    Args:
        settings: Of the stage.
        runtime: Device and micro-batch.
        seed: Of the adapter's first weights, dropout and order of rows.
        scratch: Folder that the trainer may write to; nothing in it is kept.
    """
    on_cpu = resolve_device(runtime.device) == "cpu"
    micro = micro_batch(settings.batch_size, runtime.train_micro_batch)
    return {
        "output_dir": scratch,
        "num_train_epochs": settings.epochs,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": settings.batch_size // micro,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "linear",
        "warmup_steps": 0.1,
        "bf16": settings.bf16,
        "use_cpu": on_cpu,
        "dataloader_pin_memory": not on_cpu,
        # Trades a quarter of the speed for memory, and is TRL's default.
        "activation_checkpointing": False,
        "train_sampling_strategy": "group_by_length",
        # The column "length" is not one of the model's inputs.
        "remove_unused_columns": False,
        # Rows come tokenised and within bounds: the trainers would cut longer ones without a word.
        "max_length": None,
        "seed": seed,
        "data_seed": seed,
        "logging_steps": 1,
        # A loss that is not finite would be logged as the mean of those before it.
        "logging_nan_inf_filter": False,
        "save_strategy": "no",
        # What tracks a training is added beside it, where it can fail without harm.
        "report_to": "none",
        "disable_tqdm": True,
    }


def micro_batch(batch_size: int, at_most: int) -> int:
    """Return the largest divisor of ``batch_size`` up to ``at_most``: every step then has ``batch_size`` rows.

    Args:
        batch_size: Rows an optimizer step.
        at_most: Rows a forward pass that the machine can hold.
    """
    return max(n for n in range(1, min(batch_size, at_most) + 1) if batch_size % n == 0)
