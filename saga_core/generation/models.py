"""Loading causal language models and their tokenizers, from the Hub or a folder, with readable refusals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import huggingface_hub.utils.logging as hub_logging
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import find_adapter_config_file, logging

from saga_core.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Entries that a vocabulary may hold for padding though the tokenizer names none; Llama 3 has the last one.
_PAD_ENTRIES = ("<|pad|>", "<pad>", "[PAD]", "<|padding|>", "<|finetune_right_pad_id|>")


def resolve_device(device: str) -> str:
    """Return the device that is meant: ``auto`` is ``cuda`` where there is one, else ``cpu``.

    Raises:
        UserError: ``cuda`` is asked for and not there.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("no CUDA device is available", "runtime.device", "set it to auto or cpu")
    return device


def load_model(
    path: str, *, revision: str | None, device: str, dtype: str | torch.dtype = "auto"
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a causal language model for inference, and its tokenizer ready to pad on the left.

    Only safetensors are read, and no code of the model's repository is run. A tokenizer without a padding
    token gets one from its vocabulary: an entry made for padding, else the unknown token, and end-of-text
    only where there is neither, because a label mask made by comparing with the padding token would hide
    every end of text.

    Args:
        path: Hub id, or folder with ``config.json`` and ``model.safetensors``.
        revision: Commit, branch or tag on the Hub; ``None`` for a folder.
        device: ``cpu``, ``cuda`` or ``auto``.
        dtype: Data type of the weights; ``auto`` is the one that the checkpoint is stored in.

    Raises:
        UserError: The model is not there, is damaged or incomplete, or is of a kind that Transformers does
            not know, or is an adapter.
    """
    _quiet()
    _check_folder(path)
    target = resolve_device(device)
    with _told(path, revision):
        # The tokenizer first: it is small, and it too tells that the name is wrong.
        tokenizer = AutoTokenizer.from_pretrained(path, revision=revision)
        _refuse_adapter(path, revision)
        model, report = AutoModelForCausalLM.from_pretrained(
            path, revision=revision, dtype=dtype, use_safetensors=True, output_loading_info=True
        )
    if missing := sorted(report["missing_keys"]):
        # Transformers fills these at random with no more than a warning.
        raise UserError(
            f"{len(missing)} weights are missing, such as {missing[0]}",
            _where(path, revision),
            "fetch it again",
        )
    _arrange_padding(tokenizer, _where(path, revision))
    return model.to(target).eval(), tokenizer


def load_tokenizer(path: str, *, revision: str | None) -> PreTrainedTokenizerBase:
    """Load a model's tokenizer alone.

    Args:
        path: Hub id or folder.
        revision: Commit, branch or tag on the Hub; ``None`` for a folder.

    Raises:
        UserError: It is not there, or is damaged.
    """
    _quiet()
    _check_folder(path)
    with _told(path, revision):
        return AutoTokenizer.from_pretrained(path, revision=revision)


def context_length(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return how many tokens the model takes: the lesser of its positions and its tokenizer's limit."""
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    # A tokenizer without a limit says 10**30.
    limit = tokenizer.model_max_length
    return int(limit if positions is None else min(positions, limit))


@contextmanager
def _told(path: str, revision: str | None) -> Iterator[None]:
    """Say in one line that something cannot be loaded."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        # A file of the wrong form makes Transformers raise anything, and all of it means one thing to the user.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"the model cannot be loaded: {reason}",
            _where(path, revision),
            "give a Hub id that can be reached, or a folder with a safetensors model and its tokenizer",
        ) from error


def _quiet() -> None:
    """Keep Transformers' bars and warnings, and the Hub's retries, off a terminal that shows our progress."""
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    hub_logging.set_verbosity_error()


def _check_folder(path: str) -> None:
    """Refuse a folder that is not there before Transformers asks the Hub for it."""
    folder = Path(path)
    if path.startswith(("/", "./", "../", "~")) and not folder.is_dir():
        raise UserError("no such folder", path, "correct the path or give a Hub id")
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise UserError("the folder holds no config.json", path, "give the folder of a saved Transformers model")


def _refuse_adapter(path: str, revision: str | None) -> None:
    """Refuse an adapter: Transformers would load the base that it names, which nobody has pinned or allowed."""
    if find_adapter_config_file(path, revision=revision) is not None:
        raise UserError("an adapter is no base model", _where(path, revision), "give a merged model")


def _where(path: str, revision: str | None) -> str:
    return f"model {path}" if revision is None else f"model {path}@{revision}"


def _arrange_padding(tokenizer: PreTrainedTokenizerBase, where: str) -> None:
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is not None:
        return
    vocabulary = tokenizer.get_vocab()
    candidates = [entry for entry in _PAD_ENTRIES if entry in vocabulary]
    candidates += [token for token in (tokenizer.unk_token, tokenizer.eos_token) if token is not None]
    if not candidates:
        raise UserError("the tokenizer has neither a padding nor an end-of-text token", where, "add one to it")
    tokenizer.pad_token = candidates[0]
