"""Row-seeded sampling: each row draws from its own generator, so its text does not depend on its batch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from saga_core.errors import StageError
from saga_core.generation.models import context_length
from saga_core.generation.request import Completion, Request
from saga_core.progress import Tick

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Half of the distance between two uniform float32 numbers of torch: never 0, and unbiased for rare tokens.
_HALF_STEP = 2.0**-25


def sample(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    requests: Sequence[Request],
    *,
    max_new_tokens: int,
    repetition_penalty: float,
    seed: int,
    batch_size: int,
    tick: Tick,
) -> list[Completion]:
    """Sample one continuation for each request from softmax(penalised logits / temperature).

    Prompts are encoded as the tokenizer does by default, so with its begin-of-text token where it adds one.
    Rows of one length share a batch; temperatures may mix. Apart from rounding inside the model, a text does
    not depend on which rows share its batch, only on the kind of device, where the noise is drawn.

    Args:
        model: A causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        requests: What to continue; a request that occurs twice gets the same text twice.
        max_new_tokens: Longest continuation, in tokens.
        repetition_penalty: Divides positive and multiplies negative logits of tokens that occurred; 1 is
            none.
        seed: Seed of the run.
        batch_size: Rows generated at once; does not change the texts.
        tick: Called with the number of rows that were finished.

    Returns:
        The completions, in the order of the requests.

    Raises:
        StageError: A prompt is empty, or too long for the context.
    """
    encoded = _encode(model, tokenizer, requests, max_new_tokens)
    # Rows of like length share a batch; the sort is stable, so the same requests make the same batches.
    order = sorted(range(len(requests)), key=lambda i: len(encoded[i]))
    eos = _end_tokens(model, tokenizer)
    config = GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=max_new_tokens,
        repetition_penalty=repetition_penalty,
        no_repeat_ngram_size=0,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=sorted(eos),
        pad_token_id=tokenizer.pad_token_id,
    )
    completions: dict[int, Completion] = {}
    for start in range(0, len(order), batch_size):
        batch = order[start : start + batch_size]
        rows = _generate(model, [encoded[i] for i in batch], [requests[i] for i in batch], config, seed)
        for i, row in zip(batch, rows, strict=True):
            end = next((position for position, token in enumerate(row) if token in eos), None)
            new = row[:end]
            text = _continuation(tokenizer, encoded[i], new)
            completions[i] = Completion(requests[i], text, len(new), end is not None)
        tick(len(batch))
    return [completions[i] for i in range(len(requests))]


class _RowNoise(LogitsProcessor):
    """Adds Gumbel noise to logits / temperature: the greatest is then a draw from their softmax.

    Each row has a generator of its own, on the model's device: 128,256 numbers a row are too many to draw elsewhere.
    Inverting the cumulative softmax would take one number a row, but a rounding of the logits may move any of the
    vocabulary's many boundaries: 10 of 1,107 texts changed with their batch, and none with Gumbel noise. Uniform
    draws and two logarithms of the whole batch take a third of the time of torch's exponential draws.
    """

    def __init__(self, seeds: Sequence[int], temperatures: Sequence[float], device: torch.device) -> None:
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]
        self._temperatures = torch.tensor(temperatures, dtype=torch.float32, device=device)[:, None]
        self._uniform = torch.empty(0)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the scores (rows, vocabulary) with each row's next noise."""
        if self._uniform.shape != scores.shape:
            self._uniform = torch.empty(scores.shape, dtype=torch.float32, device=scores.device)
        for row, generator in zip(self._uniform, self._generators, strict=True):
            row.uniform_(generator=generator)
        # -log(1 - u) is exponential, and minus its logarithm is Gumbel; small u, the winners, are the exact
        # end.
        exponential = self._uniform.add_(_HALF_STEP).neg_().log1p_().neg_()
        return scores.float().div(self._temperatures).sub_(exponential.log_())


def _row_seed(seed: int, request: Request) -> int:
    key = json.dumps([seed, request.key, float(request.temperature), request.k]).encode()
    # torch's CPU generator reads 32 bits of a seed. Two rows of thousands may so share their noise: harmless,
    # unless they share the prompt too.
    return int.from_bytes(hashlib.blake2b(key, digest_size=4).digest(), "little")


@torch.inference_mode()
def _generate(
    model: PreTrainedModel,
    prompts: Sequence[list[int]],
    requests: Sequence[Request],
    config: GenerationConfig,
    seed: int,
) -> list[list[int]]:
    longest = max(len(ids) for ids in prompts)
    pad = config.pad_token_id
    ids = torch.tensor([[pad] * (longest - len(row)) + row for row in prompts], device=model.device)
    # The mask also tells the repetition penalty what is padding: it would else see end-of-text in padded rows
    # alone.
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in prompts], device=model.device)
    noise = _RowNoise([_row_seed(seed, r) for r in requests], [r.temperature for r in requests], ids.device)
    output = model.generate(
        input_ids=ids,
        attention_mask=mask,
        generation_config=config,
        logits_processor=LogitsProcessorList([noise]),
    )
    rows: list[list[int]] = output[:, longest:].tolist()
    return rows


def _encode(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    requests: Sequence[Request],
    max_new_tokens: int,
) -> list[list[int]]:
    if not requests:
        return []
    room = context_length(model, tokenizer) - max_new_tokens
    encoded: list[list[int]] = []
    for request, ids in zip(requests, tokenizer([r.prompt for r in requests])["input_ids"], strict=True):
        # Some tokenizers end every text; a prompt goes on.
        row = ids[:-1] if len(ids) > 1 and ids[-1] == tokenizer.eos_token_id else ids
        if not row:
            raise StageError("the prompt is empty", f"prompt {request.key}", "give it a word")
        if len(row) > room:
            raise StageError(
                f"a prompt of {len(row)} tokens and {max_new_tokens} new ones exceed the context of "
                f"{room + max_new_tokens} tokens",
                f"prompt {request.key}",
                "shorten the prompt or lower max_new_tokens",
            )
        encoded.append(row)
    return encoded


def _end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """Return the ids that end a text; a model may name several, and others than its tokenizer."""
    named = model.generation_config.eos_token_id
    ids = named if isinstance(named, list) else [named]
    return {token for token in (*ids, tokenizer.eos_token_id) if token is not None}


def _continuation(tokenizer: PreTrainedTokenizerBase, prompt: list[int], new: list[int]) -> str:
    """Decode new tokens after their prompt: SentencePiece drops the leading space of tokens decoded alone."""
    head, full = (
        tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        for ids in (prompt, prompt + new)
    )
    # A cut inside a character leaves bytes that are no text.
    return str(full[len(head) :]).rstrip("\ufffd")
