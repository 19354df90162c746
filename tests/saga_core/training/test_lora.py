from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, PreTrainedModel

from saga_core.errors import StageError, UserError
from saga_core.recipe import LoraSettings
from saga_core.training.lora import (
    CONFIG,
    WEIGHTS,
    adapter_base_name,
    assert_same_logits,
    concatenate,
    lora_config,
    merge,
    record_logits,
    save_adapter,
)

IDS = torch.arange(3, 27).reshape(3, 8)


def _load(base: str, dtype: str | torch.dtype = "auto") -> PreTrainedModel:
    return AutoModelForCausalLM.from_pretrained(base, dtype=dtype)


def _adapted(model: PreTrainedModel, lora: LoraSettings, seed: int) -> PeftModel:
    """An adapter that does something: PEFT's begins as zero."""
    torch.manual_seed(seed)
    adapted = get_peft_model(model, lora_config(model, lora))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return adapted.eval()


def test_settings_reach_the_configuration(base: str) -> None:
    config = lora_config(_load(base), LoraSettings())
    assert isinstance(config, LoraConfig)
    assert (config.r, config.lora_alpha, config.lora_dropout) == (16, 32, 0.05)
    assert len(config.target_modules) == 7


def test_missing_modules_are_named(base: str) -> None:
    settings = LoraSettings(target_modules=("q_proj", "c_attn", "proj", "mlp.up_proj"))
    with pytest.raises(UserError, match=r"lora\.target_modules: the model has no module c_attn, proj; "):
        lora_config(_load(base), settings)


def test_adapter_is_a_flat_folder_of_two_files_that_names_no_path(base: str, lora: LoraSettings, out: Path) -> None:
    model = _adapted(_load(base), lora, 0)
    save_adapter(model, "default", out)
    assert sorted(file.name for file in out.iterdir()) == [CONFIG, WEIGHTS]
    config = json.loads((out / CONFIG).read_text())
    assert config["base_model_name_or_path"] is None
    assert config["target_modules"] == sorted(lora.target_modules)
    assert base not in (out / CONFIG).read_text()
    assert {tensor.dtype for tensor in load_file(out / WEIGHTS).values()} == {torch.float32}
    with torch.no_grad():
        loaded = PeftModel.from_pretrained(_load(base), str(out))
        torch.testing.assert_close(loaded(IDS).logits, model(IDS).logits, rtol=0, atol=0)


def test_base_is_named_on_publication(base: str, lora: LoraSettings, out: Path) -> None:
    save_adapter(_adapted(_load(base), lora, 0), "default", out)
    before = json.loads((out / CONFIG).read_text())
    adapter_base_name(out, "meta-llama/Llama-3.2-1B", "0" * 40)
    after = json.loads((out / CONFIG).read_text())
    assert after == before | {"base_model_name_or_path": "meta-llama/Llama-3.2-1B", "revision": "0" * 40}


def test_merged_model_predicts_what_the_adapted_one_does(base: str, lora: LoraSettings, out: Path) -> None:
    model = _adapted(_load(base), lora, 0)
    save_adapter(model, "default", out)
    merged = merge(_load(base), out)
    assert not isinstance(merged, PeftModel)
    assert not [name for name, _ in merged.named_parameters() if "lora" in name]
    with torch.no_grad():
        torch.testing.assert_close(merged(IDS).logits, model(IDS).logits, rtol=0, atol=1e-4)


def test_merging_into_rounded_weights_is_refused(base: str, lora: LoraSettings, out: Path) -> None:
    save_adapter(_adapted(_load(base), lora, 0), "default", out)
    with pytest.raises(StageError, match="load the model in float32"):
        merge(_load(base, torch.bfloat16), out)


def test_joined_adapter_is_exact_and_leaves_the_base_as_it_was(
    base: str, lora: LoraSettings, out: Path, tmp_path: Path
) -> None:
    save_adapter(_adapted(_load(base), lora, 1), "default", tmp_path / "sft")
    second = _adapted(merge(_load(base), tmp_path / "sft"), lora, 2)
    save_adapter(second, "default", tmp_path / "dpo")
    restored = concatenate(_load(base), tmp_path / "sft", tmp_path / "dpo", out)
    config = json.loads((out / CONFIG).read_text())
    assert (config["r"], config["lora_alpha"]) == (2 * lora.r, 2 * lora.r)
    assert sorted(file.name for file in out.iterdir()) == [CONFIG, WEIGHTS]
    joined = PeftModel.from_pretrained(_load(base), str(out))
    alone = PeftModel.from_pretrained(_load(base), str(tmp_path / "dpo"))
    with torch.no_grad():
        torch.testing.assert_close(joined(IDS).logits, second(IDS).logits, rtol=0, atol=1e-4)
        assert (alone(IDS).logits - second(IDS).logits).abs().max() > 0.1
        torch.testing.assert_close(restored(IDS).logits, _load(base)(IDS).logits, rtol=0, atol=0)


def test_wrong_adapter_is_told_by_its_logits(base: str, lora: LoraSettings, out: Path) -> None:
    model = _adapted(_load(base), lora, 0)
    record_logits(model, IDS, out)
    assert assert_same_logits(model, out) == 0.0
    for other in (_load(base), _adapted(_load(base), lora, 1)):
        with pytest.raises(StageError, match="logits differ by up to"):
            assert_same_logits(other, out)


def test_logits_that_are_no_numbers_do_not_pass(base: str, lora: LoraSettings, out: Path) -> None:
    model = _adapted(_load(base), lora, 0)
    record_logits(model, IDS, out)
    with torch.no_grad():
        model.get_base_model().lm_head.weight[0, 0] = float("nan")
    with pytest.raises(StageError, match="differ by up to nan"):
        assert_same_logits(model, out)
