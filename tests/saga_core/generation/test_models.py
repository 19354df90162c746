from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from saga_core.demo import DEMO_MODELS
from saga_core.errors import UserError
from saga_core.generation.models import context_length, load_model, resolve_device


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEMO_MODELS / "nb-tiny", tmp_path / "model"))


def _edit(path: Path, **changes: object) -> None:
    value = json.loads(path.read_text())
    value.update(changes)
    path.write_text(json.dumps({k: v for k, v in value.items() if v is not None}))


def test_demo_model_is_ready_for_inference(tiny: tuple[Any, Any]) -> None:
    model, tokenizer = tiny
    assert not model.training
    assert model.dtype == torch.float32
    assert (tokenizer.padding_side, tokenizer.pad_token) == ("left", "<|pad|>")
    assert context_length(model, tokenizer) == 256


def test_loading_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    load_model(str(DEMO_MODELS / "nb-tiny"), revision=None, device="cpu")
    assert capfd.readouterr() == ("", "")


def test_dtype_is_the_stored_one_or_the_one_asked_for(copy: Path) -> None:
    model, _ = load_model(str(copy), revision=None, device="cpu", dtype="bfloat16")
    assert model.dtype == torch.bfloat16
    model.save_pretrained(copy)
    assert load_model(str(copy), revision=None, device="cpu")[0].dtype == torch.bfloat16


def test_positions_limit_the_context_where_the_tokenizer_does_not(copy: Path) -> None:
    _edit(copy / "tokenizer_config.json", model_max_length=None)
    assert context_length(*load_model(str(copy), revision=None, device="cpu")) == 512


@pytest.mark.parametrize("place", ["folder", "hub"])
def test_an_adapter_is_refused_before_the_base_that_it_names_is_looked_for(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (copy / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "/nobody/named/it"}))
    name, revision = str(copy), None
    if place == "hub":
        # As the Hub's client leaves what it has fetched.
        name, revision = "org/model", "0123456789" * 4
        snapshot = tmp_path / "hub" / "models--org--model" / "snapshots" / revision
        shutil.copytree(copy, snapshot)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
        # Where there is no network its client would try again for two minutes.
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="an adapter is no base model"):
        load_model(name, revision=revision, device="cpu")


@pytest.mark.parametrize(
    ("declared", "expected"),
    [({}, "<|pad|>"), ({"unk_token": "!"}, "!"), ({}, "<|end_of_text|>")],
    ids=["entry of the vocabulary", "unknown token", "end of text"],
)
def test_a_missing_padding_token_is_chosen(copy: Path, declared: dict[str, str], expected: str) -> None:
    _edit(copy / "tokenizer_config.json", pad_token=None, **declared)
    if expected != "<|pad|>":
        # A vocabulary without an entry for padding.
        path = copy / "tokenizer.json"
        path.write_text(path.read_text().replace("<|pad|>", "<|other|>"))
    _, tokenizer = load_model(str(copy), revision=None, device="cpu")
    assert tokenizer.pad_token == expected


@pytest.mark.parametrize("path", ["/no/such/folder", "./nowhere", "bad id!!"])
def test_a_name_that_is_no_model_is_the_users_error(path: str) -> None:
    with pytest.raises(UserError, match=r"folder|Repo id") as caught:
        load_model(path, revision=None, device="cpu")
    assert path in str(caught.value)


def test_a_folder_without_a_model_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no config\.json"):
        load_model(str(tmp_path), revision=None, device="cpu")


def test_pickled_weights_are_refused(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(UserError, match="safetensors"):
        load_model(str(copy), revision=None, device="cpu")


def test_damaged_weights_are_the_users_error(copy: Path) -> None:
    with (copy / "model.safetensors").open("r+b") as file:
        file.truncate(1_000_000)
    with pytest.raises(UserError, match="cannot be loaded"):
        load_model(str(copy), revision=None, device="cpu")


def test_missing_weights_are_not_filled_at_random(copy: Path) -> None:
    _edit(copy / "config.json", num_hidden_layers=6)
    with pytest.raises(UserError, match=r"9 weights are missing, such as model\.layers\.5"):
        load_model(str(copy), revision=None, device="cpu")


def test_weights_of_another_shape_are_the_users_error(copy: Path) -> None:
    _edit(copy / "config.json", intermediate_size=256)
    with pytest.raises(UserError, match="cannot be loaded"):
        load_model(str(copy), revision=None, device="cpu")


def test_code_of_a_models_repository_is_never_run(copy: Path) -> None:
    _edit(copy / "config.json", model_type="mine", auto_map={"AutoConfig": "c.C", "AutoModelForCausalLM": "c.M"})
    (copy / "c.py").write_text("raise SystemExit('was run')")
    with pytest.raises(UserError):
        load_model(str(copy), revision=None, device="cpu")


def test_auto_is_a_device_that_is_there() -> None:
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_device("cpu") == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_the_users_error() -> None:
    with pytest.raises(UserError, match="CUDA"):
        resolve_device("cuda")
