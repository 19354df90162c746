from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from peft import PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback
from trl import SFTConfig, SFTTrainer

from saga_core.demo import DEMO_MODELS
from saga_core.errors import StageError, UserError
from saga_core.recipe import LoraSettings, RuntimeSettings, SftSettings
from saga_core.training.arguments import shared_arguments
from saga_core.training.callbacks import ProgressCallback
from saga_core.training.kl_sft import KLSFTTrainer, train_kl_sft
from saga_core.training.lora import CONFIG, WEIGHTS, lora_config
from saga_core.training.rows import sentence_rows

SETTINGS = SftSettings(epochs=2, batch_size=4, learning_rate=5e-3, bf16=False)


def _trainer(
    cls: type[SFTTrainer],
    base: str,
    lora: LoraSettings,
    scratch: Path,
    texts: Sequence[str],
    settings: SftSettings = SETTINGS,
    **more: float,
) -> SFTTrainer:
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base)
    rows, _ = sentence_rows(tokenizer, texts, 100)
    arguments = shared_arguments(settings, RuntimeSettings(device="cpu", train_micro_batch=2), 0, str(scratch))
    trainer = cls(
        model,
        args=SFTConfig(**arguments, dataset_kwargs={"skip_prepare_dataset": True}),
        train_dataset=Dataset.from_dict({"input_ids": rows, "labels": rows, "length": [len(r) for r in rows]}),
        processing_class=tokenizer,
        peft_config=lora_config(model, lora),
        **more,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def _stir(model: PeftModel) -> None:
    """Move the policy away from the base."""
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)


def _batch(trainer: SFTTrainer) -> dict[str, torch.Tensor]:
    return trainer.data_collator([trainer.train_dataset[i] for i in range(5)])


def test_loss_and_gradient_are_those_of_a_dense_float64_calculation(
    base: str, lora: LoraSettings, tmp_path: Path, sentences: tuple[str, ...]
) -> None:
    trainer = _trainer(KLSFTTrainer, base, lora, tmp_path, sentences, kl_weight=0.7)
    _stir(trainer.model)
    batch = _batch(trainer)
    loss = trainer.compute_loss(trainer.model, dict(batch))
    loss.backward()

    reference = AutoModelForCausalLM.from_pretrained(base)
    dense = get_peft_model(reference, lora_config(reference, lora))
    dense.load_state_dict(trainer.model.state_dict())
    dense.double()
    inputs = {"input_ids": batch["input_ids"], "attention_mask": batch["attention_mask"]}
    labels = batch["labels"][:, 1:]
    mask = labels != -100
    log_p = dense(**inputs).logits[:, :-1][mask].log_softmax(-1)
    with torch.no_grad(), dense.disable_adapter():
        log_q = dense(**inputs).logits[:, :-1][mask].log_softmax(-1)
    ce = torch.nn.functional.nll_loss(log_p, labels[mask])
    kl = (log_p.exp() * (log_p - log_q)).sum(-1).mean()
    expected = ce + 0.7 * kl
    expected.backward()

    assert kl > 0.01
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    assert trainer._metrics["train"]["kl"] == [pytest.approx(kl.item(), rel=1e-4)]
    got = {name: p.grad for name, p in trainer.model.named_parameters() if p.grad is not None}
    wanted = {name: p.grad for name, p in dense.named_parameters() if p.grad is not None}
    assert got.keys() == wanted.keys()
    assert len(got) == 2 * 7 * 2
    largest = max(g.abs().max() for g in wanted.values())
    for name, gradient in wanted.items():
        assert (got[name] - gradient).abs().max() < 1e-4 * largest, name


def test_weight_zero_is_plain_supervised_training(
    base: str, lora: LoraSettings, tmp_path: Path, sentences: tuple[str, ...]
) -> None:
    plain = _trainer(SFTTrainer, base, lora, tmp_path, sentences)
    plain.train()
    # Making a trainer sets the seed of the order of rows.
    ours = _trainer(KLSFTTrainer, base, lora, tmp_path, sentences, kl_weight=0.0)
    ours.train()
    histories = [[row["loss"] for row in t.state.log_history if "loss" in row] for t in (plain, ours)]
    assert histories[1] == pytest.approx(histories[0], rel=1e-5)
    for name, parameter in plain.model.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(ours.model.get_parameter(name), parameter, rtol=1e-2, atol=1e-4)


def test_both_passes_of_both_models_run_in_bfloat16(
    base: str, lora: LoraSettings, tmp_path: Path, sentences: tuple[str, ...]
) -> None:
    losses, seen = {}, {}
    for bf16 in (True, False):
        settings = SETTINGS.model_copy(update={"bf16": bf16})
        trainer = _trainer(KLSFTTrainer, base, lora, tmp_path, sentences, settings, kl_weight=0.7)
        _stir(trainer.model)
        types: list[torch.dtype] = []
        layer = trainer.model.get_base_model().model.layers[1].mlp.down_proj.base_layer
        layer.register_forward_hook(lambda module, given, made, types=types: types.append(made.dtype))
        losses[bf16] = trainer.compute_loss(trainer.model, _batch(trainer)).item()
        seen[bf16] = types
        assert all(p.dtype == torch.float32 for p in trainer.model.parameters() if p.requires_grad)
    assert seen == {True: [torch.bfloat16] * 2, False: [torch.float32] * 2}
    assert losses[True] != losses[False]
    assert losses[True] == pytest.approx(losses[False], rel=0.02)


def test_dropout_of_the_base_is_off_and_that_of_the_adapter_on(
    gpt2: str, runtime: RuntimeSettings, tmp_path: Path, sentences: tuple[str, ...]
) -> None:
    histories = []
    for dropout in (0.0, 0.5):
        adapter = LoraSettings(r=4, dropout=dropout, target_modules=("c_attn", "c_fc"))
        trained = train_kl_sft(gpt2, None, sentences, SETTINGS, adapter, runtime, 0, tmp_path / str(dropout))
        histories.append(trained.history)
    # With dropout in the base, policy and reference would differ before the first step.
    assert [history[0]["kl"] for history in histories] == pytest.approx([0.0, 0.0], abs=1e-6)
    assert histories[0][-1]["loss"] != histories[1][-1]["loss"]


def test_kl_holds_the_model_back(
    base: str, lora: LoraSettings, runtime: RuntimeSettings, tmp_path: Path, sentences: tuple[str, ...]
) -> None:
    free, held = (
        train_kl_sft(
            base,
            None,
            sentences,
            SETTINGS.model_copy(update={"kl_weight": weight, "epochs": 5}),
            lora,
            runtime,
            0,
            tmp_path / str(weight),
        ).history[-1]
        for weight in (0.0, 10.0)
    )
    assert held["kl"] < 0.5 * free["kl"]
    assert held["ce"] > free["ce"]


def test_history_adds_up_and_has_no_timings(
    base: str, lora: LoraSettings, runtime: RuntimeSettings, out: Path, sentences: tuple[str, ...]
) -> None:
    # 11 sentences, 4 a step, 2 a forward pass: a last step of two and one.
    history = train_kl_sft(
        base, None, sentences, SETTINGS, lora, runtime.model_copy(update={"train_micro_batch": 2}), 0, out
    ).history
    assert [row["step"] for row in history] == [1, 2, 3, 4, 5, 6]
    for row in history:
        assert row["loss"] == pytest.approx(row["ce"] + 0.1 * row["kl"], rel=1e-5)
        assert not any("runtime" in key or "second" in key for key in row)
    assert history[0]["kl"] == pytest.approx(0.0, abs=1e-6)
    assert history[-1]["kl"] > 1e-5
    assert sorted(file.name for file in out.iterdir()) == [CONFIG, WEIGHTS]


def test_same_seed_gives_the_same_bytes_and_another_does_not(
    base: str, runtime: RuntimeSettings, tmp_path: Path, sentences: tuple[str, ...]
) -> None:
    folders = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train_kl_sft(base, None, sentences, SETTINGS, LoraSettings(r=4), runtime, seed, tmp_path / name)
        folders.append(tmp_path / name)
    first, again, other = ((f / WEIGHTS).read_bytes() for f in folders)
    assert first == again
    assert first != other
    assert (folders[0] / CONFIG).read_bytes() == (folders[1] / CONFIG).read_bytes()


def test_micro_batch_does_not_change_what_is_learnt(
    base: str, lora: LoraSettings, runtime: RuntimeSettings, tmp_path: Path, sentences: tuple[str, ...]
) -> None:
    adapters = []
    for micro in (2, 4):
        at = runtime.model_copy(update={"train_micro_batch": micro})
        train_kl_sft(base, None, sentences, SETTINGS, lora, at, 0, tmp_path / str(micro))
        adapters.append(load_file(tmp_path / str(micro) / WEIGHTS))
    for name, tensor in adapters[0].items():
        torch.testing.assert_close(adapters[1][name], tensor, rtol=1e-2, atol=1e-4)


def test_golden_trajectory(runtime: RuntimeSettings, out: Path, sentences: tuple[str, ...]) -> None:
    history = train_kl_sft(
        str(DEMO_MODELS / "nb-tiny"), None, sentences, SETTINGS, LoraSettings(r=4, dropout=0.0), runtime, 7, out
    ).history
    # Relative tolerance 1e-3: what processors and thread counts may differ by.
    assert [row["ce"] for row in history] == pytest.approx([3.8828, 3.7249, 3.7818, 2.7996, 3.3672, 2.8966], rel=1e-3)
    # The first step warms up from a rate of 0, so the second still meets the base.
    assert [row["kl"] for row in history] == pytest.approx(
        [0.0, 0.0, 0.012603, 0.170131, 0.180043, 0.348445], rel=1e-2, abs=1e-5
    )


def test_sentences_that_are_too_long_are_dropped_and_counted(
    base: str,
    lora: LoraSettings,
    runtime: RuntimeSettings,
    out: Path,
    sentences: tuple[str, ...],
) -> None:
    settings = SETTINGS.model_copy(update={"max_length": 12, "epochs": 1})
    assert 0 < train_kl_sft(base, None, sentences, settings, lora, runtime, 0, out).dropped_too_long < len(sentences)


def test_no_sentence_left_is_the_users_error(
    base: str, lora: LoraSettings, runtime: RuntimeSettings, out: Path, sentences: tuple[str, ...]
) -> None:
    with pytest.raises(UserError, match="none of 11 sentences"):
        train_kl_sft(base, None, sentences, SETTINGS.model_copy(update={"max_length": 2}), lora, runtime, 0, out)


def test_loss_that_is_not_finite_stops_the_run(
    base: str, lora: LoraSettings, runtime: RuntimeSettings, out: Path, sentences: tuple[str, ...]
) -> None:
    settings = SETTINGS.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(StageError, match=r"KL-SFT: the loss is \S+ at step"):
        train_kl_sft(base, None, sentences, settings, lora, runtime, 0, out)
    assert not out.exists()


def test_interrupt_passes_and_leaves_nothing(
    base: str,
    lora: LoraSettings,
    runtime: RuntimeSettings,
    out: Path,
    sentences: tuple[str, ...],
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
        train_kl_sft(base, None, sentences, SETTINGS, lora, runtime, 0, out)
    assert not out.exists()
    assert list(scratch.iterdir()) == []


def test_nothing_is_printed_but_progress(
    base: str,
    lora: LoraSettings,
    runtime: RuntimeSettings,
    out: Path,
    sentences: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    train_kl_sft(base, None, sentences, SETTINGS, lora, runtime, 0, out)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert {line.split(":")[0].strip() for line in printed.err.splitlines()} == {"KL-SFT"}
