from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import pytest
import torch
from datasets import Dataset
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer

from saga_core.demo import DEMO_MODELS
from saga_core.errors import StageError, UserError
from saga_core.preferences.pairs import Pair
from saga_core.recipe import DpoSettings, LoraSettings, PreferenceLoss, RuntimeSettings, SftSettings
from saga_core.training.arguments import shared_arguments
from saga_core.training.callbacks import ProgressCallback, run_training
from saga_core.training.dpo import ADAPTER, DpoResult, SagaDPOTrainer, train_dpo
from saga_core.training.kl_sft import train_kl_sft
from saga_core.training.lora import CONFIG, LOGITS, WEIGHTS, assert_same_logits, lora_config
from saga_core.training.rows import pair_rows, text_rows

Run = Callable[..., DpoResult]

LOSSES = [
    loss if loss == "sigmoid" else pytest.param(loss, marks=pytest.mark.slow) for loss in get_args(PreferenceLoss)
]
SETTINGS = DpoSettings(epochs=2, batch_size=4, learning_rate=5e-3, bf16=False)


class RowsDPOTrainer(DPOTrainer):
    """TRL's trainer, but for taking rows that are tokenised."""

    def _prepare_dataset(self, dataset: Dataset, *args: object) -> Dataset:
        return dataset


@pytest.fixture
def run(base: str, lora: LoraSettings, runtime: RuntimeSettings, pairs: list[Pair], out: Path) -> Run:
    def call(settings: DpoSettings = SETTINGS, texts: Sequence[str] = (), **changes: object) -> DpoResult:
        given = {
            "model_path": base,
            "revision": None,
            "sft_adapter": None,
            "pairs": pairs,
            "lora": lora,
            "runtime": runtime,
            "seed": 0,
            "out": out,
        }
        return train_dpo(**(given | {"settings": settings, "real_texts": texts} | changes))

    return call


def test_first_step_is_indifferent_and_training_learns_the_preference(run: Run) -> None:
    result = run(SETTINGS.model_copy(update={"epochs": 6}))
    assert result.history[0]["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert result.history[-1]["loss"] < 0.5
    assert result.history[-1]["rewards/margins"] > 0.5
    assert "nll" not in result.history[0]
    assert result.dropped_too_long == 0


def test_dropout_of_the_base_is_off_and_that_of_the_adapter_on(run: Run, gpt2: str, tmp_path: Path) -> None:
    histories = []
    for dropout in (0.0, 0.5):
        adapter = LoraSettings(r=4, dropout=dropout, target_modules=("c_attn", "c_fc"))
        histories.append(run(model_path=gpt2, lora=adapter, out=tmp_path / str(dropout)).history)
    # With dropout in the base, policy and reference would differ before the first step.
    assert [history[0]["loss"] for history in histories] == pytest.approx([math.log(2)] * 2, abs=1e-5)
    assert histories[0][-1]["loss"] != histories[1][-1]["loss"]


@pytest.mark.parametrize("loss", LOSSES)
def test_same_steps_as_trls_own_trainer(
    base: str, lora: LoraSettings, pairs: list[Pair], tmp_path: Path, loss: str
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base)
    rows, _ = pair_rows(tokenizer, pairs[:8], 100)
    histories = []
    for cls, more in ((RowsDPOTrainer, {}), (SagaDPOTrainer, {"real_rows": [], "nll_weight": 0.0})):
        model = AutoModelForCausalLM.from_pretrained(base)
        arguments = shared_arguments(SETTINGS, RuntimeSettings(device="cpu", train_micro_batch=2), 0, str(tmp_path))
        trainer = cls(
            model,
            args=DPOConfig(**arguments, loss_type=[loss], beta=0.1, disable_dropout=False),
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            peft_config=lora_config(model, lora),
            **more,
        )
        histories.append(run_training(trainer, "DPO", None))
    assert len(histories[0]) == 4
    for theirs, ours in zip(*histories, strict=True):
        assert theirs.keys() == ours.keys()
        for key, value in theirs.items():
            if key == "rewards/accuracies" and abs(theirs["rewards/margins"]) < 1e-5:
                # Before the first step both sides have one reward, and which is greater is rounding.
                continue
            assert ours[key] == pytest.approx(value, rel=1e-3, abs=1e-4), key


def test_nll_of_real_text_is_added_with_its_weight(run: Run, base: str, sentences: tuple[str, ...]) -> None:
    # As many rows as pairs a step, so the first step has all of them in whatever order.
    texts = sentences[:4]
    history = run(SETTINGS.model_copy(update={"nll_weight": 0.3}), texts).history
    model = AutoModelForCausalLM.from_pretrained(base).double()
    losses = []
    for row in text_rows(AutoTokenizer.from_pretrained(base), texts, 100):
        ids = torch.tensor([row])
        with torch.no_grad():
            log_p = model(ids).logits[0, :-1].log_softmax(-1)
        losses.append(-log_p.gather(1, ids[0, 1:, None]))
    nll = torch.cat(losses).mean().item()
    assert history[0]["nll"] == pytest.approx(nll, rel=1e-6)
    assert history[0]["loss"] == pytest.approx(math.log(2) + 0.3 * nll, rel=1e-6)
    assert history[-1]["nll"] < nll


def test_real_rows_go_round_in_an_order_of_the_seed(
    base: str, lora: LoraSettings, pairs: list[Pair], tmp_path: Path
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base)
    rows, _ = pair_rows(tokenizer, pairs, 100)
    real = [[0, 10 + i, 20 + i] for i in range(6)]
    arguments = shared_arguments(SETTINGS, RuntimeSettings(device="cpu", train_micro_batch=2), 3, str(tmp_path))
    trainer = SagaDPOTrainer(
        model,
        args=DPOConfig(**arguments, disable_dropout=False),
        real_rows=real,
        nll_weight=1.0,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
        peft_config=lora_config(model, lora),
    )
    drawn = []
    for step in range(3):
        trainer.state.global_step = step
        batches, _ = trainer.get_batch_samples(iter(trainer.get_train_dataloader()), 2, torch.device("cpu"))
        drawn.append([row for batch in batches for row in batch["real"]["input_ids"].tolist()])
        assert [len(batch["real"]["input_ids"]) for batch in batches] == [2, 2]
    flat = [row for step in drawn for row in step]
    assert sorted(flat) == sorted(real * 2)
    assert flat[:6] != real


def test_only_the_weight_asks_for_real_text(run: Run, sentences: tuple[str, ...], out: Path, tmp_path: Path) -> None:
    run()
    run(texts=sentences, out=tmp_path / "other")
    assert (out / ADAPTER / WEIGHTS).read_bytes() == (tmp_path / "other" / ADAPTER / WEIGHTS).read_bytes()
    with pytest.raises(UserError, match=r"dpo\.nll_weight: there is no real text"):
        run(SETTINGS.model_copy(update={"nll_weight": 0.3}))


def test_bfloat16_is_computed_in_bfloat16(run: Run, out: Path, tmp_path: Path) -> None:
    exact = run().history
    rounded = run(SETTINGS.model_copy(update={"bf16": True}), out=tmp_path / "bf16")
    assert [row["loss"] for row in rounded.history] != [row["loss"] for row in exact]
    for row, other in zip(rounded.history, exact, strict=True):
        assert row["logps/chosen"] != other["logps/chosen"]
        assert row["logps/chosen"] == pytest.approx(other["logps/chosen"], rel=0.05)
    assert {t.dtype for t in load_file(tmp_path / "bf16" / ADAPTER / WEIGHTS).values()} == {torch.float32}
    # What was recorded is float32 all the same.
    assert rounded.max_logit_difference < 1e-4


@pytest.mark.parametrize("forced_sft", [False, True])
def test_one_adapter_for_the_original_base(
    run: Run,
    base: str,
    lora: LoraSettings,
    runtime: RuntimeSettings,
    out: Path,
    tmp_path: Path,
    sentences: tuple[str, ...],
    forced_sft: bool,
) -> None:
    sft = tmp_path / "sft"
    if forced_sft:
        settings = SftSettings(epochs=4, batch_size=4, learning_rate=1e-2, bf16=False)
        train_kl_sft(base, None, sentences, settings, lora, runtime, 0, sft)
    result = run(sft_adapter=sft if forced_sft else None)
    assert sorted(file.name for file in out.iterdir()) == [ADAPTER, LOGITS]
    assert sorted(file.name for file in (out / ADAPTER).iterdir()) == [CONFIG, WEIGHTS]
    config = json.loads((out / ADAPTER / CONFIG).read_text())
    assert (config["r"], config["lora_alpha"]) == ((8, 8) if forced_sft else (4, 8))

    # The model card's snippet.
    original = AutoModelForCausalLM.from_pretrained(base, torch_dtype="auto")
    model = PeftModel.from_pretrained(original, str(out / ADAPTER))
    recorded = load_file(out / LOGITS)
    assert recorded["input_ids"].shape[0] == 4
    assert recorded["logits"].shape == (*recorded["input_ids"].shape, original.config.vocab_size)
    with torch.no_grad():
        logits = model(recorded["input_ids"]).logits
    torch.testing.assert_close(logits, recorded["logits"], rtol=0, atol=1e-4)
    assert result.max_logit_difference <= 1e-4
    assert assert_same_logits(model, out) <= 1e-4
    with model.disable_adapter(), pytest.raises(StageError):
        assert_same_logits(model, out)
    if forced_sft:
        with pytest.raises(StageError):
            assert_same_logits(PeftModel.from_pretrained(model.unload(), str(sft)), out)


def test_reference_of_the_second_stage_is_the_merged_model(
    run: Run,
    base: str,
    lora: LoraSettings,
    runtime: RuntimeSettings,
    tmp_path: Path,
    sentences: tuple[str, ...],
) -> None:
    settings = SftSettings(epochs=4, batch_size=4, learning_rate=1e-2, bf16=False)
    train_kl_sft(base, None, sentences, settings, lora, runtime, 0, tmp_path / "sft")
    after, plain = run(sft_adapter=tmp_path / "sft").history[0], run(out=tmp_path / "plain").history[0]
    assert after["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert after["logps/chosen"] > plain["logps/chosen"] + 1


def test_same_seed_gives_the_same_bytes_and_another_does_not(
    run: Run,
    tmp_path: Path,
    sentences: tuple[str, ...],
) -> None:
    settings = SETTINGS.model_copy(update={"nll_weight": 0.2})
    results = [
        run(settings, sentences, lora=LoraSettings(r=4), seed=seed, out=tmp_path / name)
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    ]
    first, again, other = ((tmp_path / name / ADAPTER / WEIGHTS).read_bytes() for name in "abc")
    assert first == again
    assert first != other
    assert results[0] == results[1]


@pytest.mark.parametrize("loss", LOSSES)
def test_micro_batch_does_not_change_what_is_learnt(
    run: Run,
    runtime: RuntimeSettings,
    tmp_path: Path,
    sentences: tuple[str, ...],
    loss: str,
) -> None:
    # 11 pairs, 4 a step: the last step has three, so of two micro-batches one is smaller.
    settings = SETTINGS.model_copy(update={"nll_weight": 0.2, "loss": loss})
    adapters, losses = [], []
    for micro in (2, 4):
        at = runtime.model_copy(update={"train_micro_batch": micro})
        result = run(settings, sentences, runtime=at, out=tmp_path / str(micro))
        adapters.append(load_file(tmp_path / str(micro) / ADAPTER / WEIGHTS))
        losses.append([row["loss"] for row in result.history])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    for name, tensor in adapters[0].items():
        torch.testing.assert_close(adapters[1][name], tensor, rtol=1e-2, atol=1e-4)


def test_golden_trajectory(run: Run, sentences: tuple[str, ...]) -> None:
    settings = SETTINGS.model_copy(update={"nll_weight": 0.3, "learning_rate": 2e-3})
    history = run(settings, sentences, model_path=str(DEMO_MODELS / "nb-tiny"), seed=7).history
    # Relative tolerance 1e-3: what processors and thread counts may differ by.
    assert [row["loss"] for row in history] == pytest.approx([1.8128, 1.8215, 1.8691, 1.7187, 1.6115, 1.8674], rel=1e-3)
    assert [row["nll"] for row in history] == pytest.approx([3.7322, 3.7613, 3.9895, 3.6953, 3.4387, 4.2685], rel=1e-3)


def test_long_pairs_are_counted(run: Run, pairs: list[Pair]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(DEMO_MODELS / "nb-tiny")
    rows, _ = pair_rows(tokenizer, pairs, 1_000)
    limit = sorted(row["length"] for row in rows)[5]
    kept = sum(row["length"] <= limit for row in rows)
    assert run(SETTINGS.model_copy(update={"max_length": limit})).dropped_too_long == len(pairs) - kept
    with pytest.raises(UserError, match=r"dpo\.max_length: none of 11 pairs has at most 3 tokens"):
        run(SETTINGS.model_copy(update={"max_length": 3}))


def test_context_of_the_model_is_a_limit_too(run: Run, pairs: list[Pair]) -> None:
    long = Pair("long", "Det", " var" * 200, " er.", 0.9, -1.0, 0.7, 1.1, False, False)
    assert run(pairs=[*pairs, long]).dropped_too_long == 1


def test_interrupt_passes_and_leaves_nothing(
    run: Run,
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.setattr(ProgressCallback, "on_step_end", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert not out.exists()
    assert list(scratch.iterdir()) == []


def test_nothing_is_printed_but_progress(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert {line.split(":")[0].strip() for line in printed.err.splitlines()} == {"DPO reference", "DPO"}
