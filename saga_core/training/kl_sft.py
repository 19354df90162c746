"""KL-regularised supervised fine-tuning: cross-entropy plus lambda times KL(pi_theta || pi_base).

The base model is the model with its adapter switched off, so no second copy is held. The KL is taken at every target
token, and both terms are means over the target tokens of an optimizer step.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from trl import SFTConfig, SFTTrainer
from trl.trainer.utils import disable_dropout_in_model

from saga_core.errors import UserError
from saga_core.generation.models import context_length, load_model, resolve_device
from saga_core.recipe import LoraSettings, RuntimeSettings, SftSettings
from saga_core.training.arguments import shared_arguments
from saga_core.training.callbacks import run_training
from saga_core.training.checkpoints import Checkpoints, ResumableTrainer
from saga_core.training.head import frozen_head
from saga_core.training.kl_loss import CrossEntropyAndKL
from saga_core.training.lora import lora_config, save_adapter
from saga_core.training.rows import sentence_rows
from saga_core.training.tracking import Tracking


class KLSFTTrainer(ResumableTrainer, SFTTrainer):
    """``SFTTrainer`` of one process whose loss is CE + kl_weight * KL; with weight 0 it is ``SFTTrainer``'s own.

    Args:
        *args: As for ``SFTTrainer``.
        kl_weight: lambda.
        **kwargs: As for ``SFTTrainer``; ``peft_config`` or a model with an adapter is needed.

    Raises:
        UserError: The model's logits are not what its LM head makes of its hidden states.
    """

    def __init__(self, *args: object, kl_weight: float, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.kl_weight = kl_weight
        self.head = frozen_head(self.model.get_base_model())

    def compute_loss(
        self,
        model: Any,  # noqa: ANN401 - wrapped by accelerate
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | None = None,
    ) -> Tensor:
        """Return the loss of a micro-batch, nats a token.

        Args:
            model: The model.
            inputs: ``input_ids``, ``attention_mask`` and ``labels``, each [rows, tokens].
            return_outputs: Not supported, because no logits are kept.
            num_items_in_batch: Target tokens of the optimizer step; those of the micro-batch where not given.
        """
        if return_outputs:
            raise NotImplementedError("KLSFTTrainer keeps no logits to return")
        policy = self.accelerator.unwrap_model(model)
        backbone = policy.get_base_model().base_model
        labels = inputs["labels"][:, 1:]
        target = labels != -100
        tokens = {"input_ids": inputs["input_ids"], "attention_mask": inputs["attention_mask"]}
        # Accelerate wraps the forward pass of the whole model only: without this the backbone runs in float32.
        with self.accelerator.autocast():
            hidden = backbone(**tokens, use_cache=False).last_hidden_state[:, :-1][target]
            with torch.no_grad(), policy.disable_adapter():
                base = backbone(**tokens, use_cache=False).last_hidden_state[:, :-1][target]
            total, ce, kl, hits = CrossEntropyAndKL.apply(hidden, base, labels[target], self.head, self.kl_weight)
        count = target.sum() if num_items_in_batch is None else num_items_in_batch
        # The log averages over the micro-batches of a step; so weighted, that is the mean over its tokens.
        weight = (1 if num_items_in_batch is None else self.current_gradient_accumulation_steps) / count
        metrics = self._metrics["train" if self.model.training else "eval"]
        for name, value in (("ce", ce), ("kl", kl), ("mean_token_accuracy", hits)):
            metrics[name].append(float(value * weight))
        loss: Tensor = total / count
        return loss

    def _send_telemetry(self) -> None:
        """Report nothing to anyone; TRL would."""


@dataclass(frozen=True)
class SftResult:
    """What KL-SFT left besides its adapter.

    Attributes:
        history: A row an optimizer step: ``step``, ``epoch``, ``loss``, ``ce`` and ``kl`` (nats a token),
            ``mean_token_accuracy``, ``grad_norm``, ``learning_rate``.
        dropped_too_long: Sentences left out because they have too many tokens.
    """

    history: list[dict[str, float]]
    dropped_too_long: int


def train_kl_sft(
    model_path: str,
    revision: str | None,
    texts: Sequence[str],
    settings: SftSettings,
    lora: LoraSettings,
    runtime: RuntimeSettings,
    seed: int,
    out: Path,
    checkpoints: Checkpoints | None = None,
    tracking: Tracking | None = None,
) -> SftResult:
    """Train an adapter by KL-SFT.

    The base is held in float32 with its own dropout off (the adapter's stays on), the adapter's weights are float32,
    and ``settings.bf16`` runs the arithmetic in bfloat16.

    Args:
        model_path: Hub id or folder of the base model.
        revision: Commit of the base model on the Hub.
        texts: Sentences. Those longer than ``settings.max_length`` tokens are dropped and counted.
        settings: Of the stage.
        lora: Of the adapter.
        runtime: Device and micro-batch.
        seed: Seed of everything random.
        out: Folder for the adapter.
        checkpoints: Where the training's state is kept, or None to keep none.
        tracking: To whom the training's log is told while it runs, or None for nobody.

    Raises:
        UserError: No sentence is left, or the model cannot be trained so.
        StageError: The loss is not finite, or the checkpoint cannot be used.
        SagaError: A checkpoint could not be kept.
    """
    model, tokenizer = load_model(
        model_path, revision=revision, device=resolve_device(runtime.device), dtype=torch.float32
    )
    # The reference must not be drawn at random; the adapter is made later and keeps its dropout.
    disable_dropout_in_model(model)
    limit = min(settings.max_length, context_length(model, tokenizer))
    rows, dropped = sentence_rows(tokenizer, texts, limit)
    if not rows:
        raise UserError(
            f"none of {len(texts)} sentences can be trained on", "sft", "give more text or raise sft.max_length"
        )
    with tempfile.TemporaryDirectory() as scratch:
        trainer = KLSFTTrainer(
            model,
            kl_weight=settings.kl_weight,
            args=SFTConfig(
                **shared_arguments(settings, runtime, seed, scratch),
                dataset_kwargs={"skip_prepare_dataset": True},
            ),
            train_dataset=Dataset.from_dict({"input_ids": rows, "labels": rows, "length": [len(row) for row in rows]}),
            processing_class=tokenizer,
            peft_config=lora_config(model, lora),
        )
        history = run_training(trainer, "KL-SFT", checkpoints, tracking)
    save_adapter(trainer.model, "default", out)
    return SftResult(history, dropped)
