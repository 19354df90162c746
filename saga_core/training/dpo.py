"""DPO on pairs, with an optional NLL term on real text of the language against the drift that DPO brings.

    loss = mean over pairs of -log sigmoid(beta * (log-ratio chosen - log-ratio rejected)) + nll_weight * NLL

or with another of TRL's losses of a pair in the first term's place,
where NLL is the mean cross-entropy a token over as many rows of real text as there are pairs in the optimizer step.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from torch import Tensor
from trl import DPOConfig, DPOTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling
from trl.trainer.utils import disable_dropout_in_model

from saga_core.errors import UserError
from saga_core.generation.models import context_length, load_model, resolve_device
from saga_core.preferences.pairs import Pair
from saga_core.progress import progress
from saga_core.recipe import DpoSettings, LoraSettings, RuntimeSettings
from saga_core.training.arguments import shared_arguments
from saga_core.training.callbacks import run_training
from saga_core.training.checkpoints import (
    Checkpoints,
    ResumableTrainer,
    checkpoint_folder,
    read_tensors,
    write_tensors,
)
from saga_core.training.head import frozen_head
from saga_core.training.lora import (
    assert_same_logits,
    concatenate,
    lora_config,
    merge,
    record_logits,
    save_adapter,
)
from saga_core.training.rows import PairRow, pair_rows, text_rows
from saga_core.training.token_logps import install
from saga_core.training.tracking import Tracking

ADAPTER = "adapter"

_REFERENCE = "reference.safetensors"
_REFERENCE_COLUMNS = ("ref_chosen_logps", "ref_rejected_logps")

# Few, because a large vocabulary makes a megabyte of two tokens.
_PROBE_ROWS, _PROBE_TOKENS = 4, 8


@dataclass(frozen=True)
class DpoResult:
    """What DPO left besides its files.

    Attributes:
        history: A row an optimizer step: ``step``, ``epoch``, ``loss``, ``nll`` (nats a token), ``rewards/*``,
            ``logps/*``, ``learning_rate`` and TRL's other figures.
        dropped_too_long: Pairs left out because a side has too many tokens.
        max_logit_difference: Largest absolute difference between the model as trained and the original base with
            the adapter that was written.
    """

    history: list[dict[str, float]]
    dropped_too_long: int
    max_logit_difference: float


class SagaDPOTrainer(ResumableTrainer, DPOTrainer):
    """``DPOTrainer`` of one process over tokenised rows, with an NLL term; no step depends on the micro-batch.

    The reference, which is the model with its adapter off, is computed once for each row before training, and kept in
    the checkpoints.

    Args:
        *args: As for ``DPOTrainer``; the data set has the columns of ``PairRow``.
        real_rows: Token ids of real text; taken in an order drawn with the seed, round and round.
        nll_weight: Weight of the NLL term; 0 leaves it out.
        **kwargs: As for ``DPOTrainer``.
    """

    checkpoint_files = ResumableTrainer.checkpoint_files | {_REFERENCE}

    def __init__(self, *args: object, real_rows: Sequence[list[int]], nll_weight: float, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        if self.args.device.type == "cpu":
            model = self.model.get_base_model()
            install(model, frozen_head(model))
        self.nll_weight = nll_weight
        self._real_rows = random.Random(self.args.seed).sample(list(real_rows), len(real_rows))
        self._real_collator = DataCollatorForLanguageModeling(pad_token_id=self._tokenizer.pad_token_id)
        self.precompute_ref_logps = True

    def get_batch_samples(
        self, epoch_iterator: Iterator[dict[str, Any]], num_batches: int, device: torch.device
    ) -> tuple[list[dict[str, Any]], Tensor | int | None]:
        """Return the micro-batches of an optimizer step, each with its share of the pairs and of the real text."""
        batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        sizes = [len(batch["input_ids"]) // 2 for batch in batches]
        for batch, size in zip(batches, sizes, strict=True):
            # The trainer takes the mean over micro-batches, and the last may be smaller.
            batch["pair_share"] = size * len(batches) / sum(sizes)
        if self.nll_weight:
            rows = self._real_rows_of_step(sum(sizes))
            targets = sum(len(row) - 1 for row in rows)
            for batch, size in zip(batches, sizes, strict=True):
                mine, rows = rows[:size], rows[size:]
                batch["real"] = self._real_collator([{"input_ids": row} for row in mine])
                batch["real_share"] = len(batches) / targets
        return batches, items

    def compute_loss(
        self,
        model: Any,  # noqa: ANN401 - wrapped by accelerate
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Any:  # noqa: ANN401 - as in DPOTrainer
        """Return the loss of a micro-batch of ``get_batch_samples``, or DPO's alone of any other."""
        pair_share, real, real_share = (inputs.pop(key, None) for key in ("pair_share", "real", "real_share"))
        loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        if pair_share is not None:
            loss = loss * pair_share
        if real is not None:
            nll = -model(**real, use_cache=False, fused_lm_head=True).log_probs.sum() * real_share
            self._metrics["train"]["nll"].append(nll.item())
            loss = loss + self.nll_weight * nll
        return loss

    def _real_rows_of_step(self, count: int) -> list[list[int]]:
        # A function of the step alone, so that a resumed run goes on with the rows it would have had.
        start = self.state.global_step * self.args.train_batch_size * self.args.gradient_accumulation_steps
        rows = [self._real_rows[(start + i) % len(self._real_rows)] for i in range(count)]
        # Rows of like length share a micro-batch.
        return sorted(rows, key=len)

    def train(self, resume_from_checkpoint: Path | None = None) -> Any:  # noqa: ANN401 - as in Trainer
        """Train, or go on from a checkpoint, with the reference of every row known."""
        if resume_from_checkpoint is None:
            self._reference = self._compute_reference(self.train_dataset)
        else:
            like = dict.fromkeys(_REFERENCE_COLUMNS, torch.empty(len(self.train_dataset), dtype=torch.float64))
            self._reference = read_tensors(resume_from_checkpoint / _REFERENCE, like)
        for name, values in self._reference.items():
            self.train_dataset: Dataset = self.train_dataset.add_column(name, values.tolist())
        return super().train(resume_from_checkpoint)

    def _save_checkpoint(self, model: object, trial: object) -> None:
        super()._save_checkpoint(model, trial)
        write_tensors(checkpoint_folder(self.args.output_dir, self.state.global_step) / _REFERENCE, self._reference)

    def _compute_reference(self, dataset: Dataset) -> dict[str, Tensor]:
        # TRL's own way hashes the whole model, writes a cache file and pads rows as they come.
        lengths = list(dataset["length"])
        by_length = sorted(range(len(dataset)), key=lambda i: lengths[i])
        # The data set holds float64, and so nothing is lost.
        reference = {name: torch.empty(len(dataset), dtype=torch.float64) for name in _REFERENCE_COLUMNS}
        size = self.args.per_device_train_batch_size
        with progress("DPO reference", len(dataset), "pairs") as tick:
            for start in range(0, len(by_length), size):
                here = by_length[start : start + size]
                batch = self._prepare_inputs(self.data_collator([dataset[i] for i in here]))
                logps = self.compute_ref_log_probs(self.model, batch)
                for column, values in zip(reference.values(), logps, strict=True):
                    column[here] = values.double().cpu()
                tick(len(here))
        return reference

    def _prepare_dataset(self, dataset: Dataset, *args: object) -> Dataset:
        """Leave the rows alone: TRL would tokenise text and append an end-of-text token to every side."""
        return dataset

    def _send_telemetry(self) -> None:
        """Report nothing to anyone; TRL would."""


def train_dpo(
    model_path: str,
    revision: str | None,
    sft_adapter: Path | None,
    pairs: Sequence[Pair],
    real_texts: Sequence[str],
    settings: DpoSettings,
    lora: LoraSettings,
    runtime: RuntimeSettings,
    seed: int,
    out: Path,
    checkpoints: Checkpoints | None = None,
    tracking: Tracking | None = None,
) -> DpoResult:
    """Train a fresh adapter by DPO, on the base or on the base with the adapter of KL-SFT merged in.

    Writes ``out/adapter``, one adapter for the *original* base (of both stages joined, where KL-SFT ran), and
    ``out/logits.safetensors``, the float32 logits of the model as trained on the first tokens of some pairs. The
    base is held in float32 with its own dropout off; the adapter's dropout stays on, as the model card says (TRL would
    switch off both). ``settings.bf16`` runs the arithmetic in bfloat16; the adapter's weights are float32.

    Args:
        model_path: Hub id or folder of the base model.
        revision: Commit of the base model on the Hub.
        sft_adapter: Adapter of KL-SFT, or None.
        pairs: What to train on.
        real_texts: Text of the language for the NLL term, cut at ``settings.max_length`` tokens; not used where
            ``settings.nll_weight`` is 0.
        settings: Of the stage.
        lora: Of the adapter.
        runtime: Device and micro-batch.
        seed: Seed of everything random.
        out: Folder for the result.
        checkpoints: Where the training's state is kept, or None to keep none.
        tracking: To whom the training's log is told while it runs, or None for nobody.

    Raises:
        UserError: No pair fits, or real text is asked for and none is given.
        StageError: The loss is not finite, the checkpoint cannot be used, or the adapter does not give the logits of
            the model as trained.
        SagaError: A checkpoint could not be kept.
    """
    device = resolve_device(runtime.device)
    base, tokenizer = load_model(model_path, revision=revision, device=device, dtype=torch.float32)
    limit = min(settings.max_length, context_length(base, tokenizer))
    rows, dropped = pair_rows(tokenizer, pairs, limit)
    if not rows:
        raise UserError(f"none of {len(pairs)} pairs has at most {limit} tokens", "dpo.max_length", "raise it")
    real_rows = text_rows(tokenizer, real_texts, limit) if settings.nll_weight else []
    if settings.nll_weight and not real_rows:
        raise UserError("there is no real text for the NLL term", "dpo.nll_weight", "give text or set it to 0")
    if sft_adapter is not None:
        base = merge(base, sft_adapter)
    disable_dropout_in_model(base)
    with tempfile.TemporaryDirectory() as scratch:
        trainer = SagaDPOTrainer(
            base,
            real_rows=real_rows,
            nll_weight=settings.nll_weight,
            args=DPOConfig(
                **shared_arguments(settings, runtime, seed, scratch),
                loss_type=[settings.loss],
                beta=settings.beta,
                disable_dropout=False,
            ),
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            peft_config=lora_config(base, lora),
        )
        history = run_training(trainer, "DPO", checkpoints, tracking)
        trained = trainer.model
        # The model inside PEFT's wrapping, which accelerate wrapped in autocast; the adapter acts in it all the same.
        record_logits(trained.get_base_model(), _probe(rows), out)
        adapter = out / ADAPTER
        dpo_adapter = adapter if sft_adapter is None else Path(scratch) / ADAPTER
        save_adapter(trained, "default", dpo_adapter)
        del trainer, trained, base
        original, _ = load_model(model_path, revision=revision, device=device, dtype=torch.float32)
        if sft_adapter is not None:
            original = concatenate(original, sft_adapter, dpo_adapter, adapter)
    difference = assert_same_logits(PeftModel.from_pretrained(original, str(adapter)), out)
    return DpoResult(history, dropped, difference)


def _probe(rows: Sequence[PairRow]) -> Tensor:
    texts = [row["prompt_ids"] + row["chosen_ids"] for row in rows[:_PROBE_ROWS]]
    width = min(_PROBE_TOKENS, *map(len, texts))
    return torch.tensor([text[:width] for text in texts])
