"""How likely a causal language model finds text: log-probabilities of its tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from saga_core.errors import StageError
from saga_core.evaluation.statistics import FloatArray
from saga_core.generation.models import context_length
from saga_core.progress import Tick

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# A context of 131,072 tokens would need 34 GB of logits; a text of more than 4,096 gets a sliding window.
_LONGEST_WINDOW = 4_096
# Bounds the logits of a batch: 8,192 tokens of 128,256 entries in bfloat16 are 2.1 GB.
_TOKENS_A_BATCH = 8_192
# Positions whose logits are in float32 at once.
_POSITIONS = 256


def log_probs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    batch_size: int,
    tick: Tick,
    stride: int | None = None,
) -> list[FloatArray]:
    """Return log p(token | what stands before it) for every token of every text, its start given.

    The start is one begin-of-text token, put first by us because tokenizers differ in whether they do. Where
    there is none, end-of-text starts the text, as in models that were trained on documents joined by it.
    Where that is missing too, nothing does, and the first token of the text gets no probability.

    A text longer than the context is scored by a sliding window, each token once and with as much context as
    the window allows (Transformers documentation, "Perplexity of fixed-length models"). A later window starts
    within the text, so it has no start token.

    Args:
        model: Causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        texts: Texts of any length.
        batch_size: Rows of a forward pass at most; fewer where rows are long.
        tick: Called with the number of texts that were finished.
        stride: Tokens by which the window moves on, half the window at most and by default, so that every
            token has half a window of context or the start of its text.

    Returns:
        For each text, in order, an array (tokens,) in nats.

    Raises:
        StageError: A text has no token to score.
    """
    window = min(context_length(model, tokenizer), _LONGEST_WINDOW)
    step = min(stride or window, window // 2)
    rows: list[list[int]] = []
    # Which text each row is of, and how many tokens at its end no earlier row has scored.
    owners: list[tuple[int, int]] = []
    for number, text in enumerate(texts):
        ids = _encode(tokenizer, text)
        if len(ids) < 2:
            raise StageError("the text has no token to score", f"text {number} {text[:40]!r}", "leave it out")
        for begin, end, new in _windows(len(ids), window, step):
            rows.append(ids[begin:end])
            owners.append((number, new))
    scored = _score_rows(model, rows, batch_size, _tick_in_texts(tick, len(rows), len(texts)))
    parts: list[list[FloatArray]] = [[] for _ in texts]
    for (number, new), values in zip(owners, scored, strict=True):
        parts[number].append(values[-new:])
    return [np.concatenate(some) for some in parts]


def _encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    start = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    # verbose: no warning of texts longer than the context, which get windows.
    ids: list[int] = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return ids if start is None else [start, *ids]


def _windows(length: int, window: int, step: int) -> Iterator[tuple[int, int, int]]:
    """Yield begin, end and number of new tokens of each window; the first of all tokens is given."""
    scored = 1
    begin = 0
    while scored < length:
        end = min(begin + window, length)
        yield begin, end, end - scored
        scored = end
        begin += step


def _tick_in_texts(tick: Tick, rows: int, texts: int) -> Tick:
    """Return a tick for rows, several of which may be of one text, that passes texts on."""
    finished = 0

    def tick_rows(done: int = 1) -> None:
        nonlocal finished
        before, finished = finished, finished + done
        tick(finished * texts // rows - before * texts // rows)

    return tick_rows


@torch.inference_mode()
def _score_rows(model: PreTrainedModel, rows: Sequence[Sequence[int]], batch_size: int, tick: Tick) -> list[FloatArray]:
    """Return log p(token | tokens before it) for all tokens of each row but its first, in the order of the rows."""
    scored: dict[int, FloatArray] = {}
    for batch in _batches(rows, batch_size):
        width = max(len(rows[i]) for i in batch)
        # On the right, padding is after every token that is scored, so a causal model never sees it.
        ids = torch.tensor([[*rows[i], *[0] * (width - len(rows[i]))] for i in batch], device=model.device)
        lengths = torch.tensor([len(rows[i]) for i in batch], device=model.device)
        mask = (torch.arange(width, device=model.device) < lengths[:, None]).long()
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        for row, i in enumerate(batch):
            scored[i] = _gathered(logits[row, : len(rows[i]) - 1], ids[row, 1 : len(rows[i])])
        tick(len(batch))
    return [scored[i] for i in range(len(rows))]


def _batches(rows: Sequence[Sequence[int]], batch_size: int) -> Iterator[list[int]]:
    """Group row numbers by length, longest first, so that too large a batch fails at once."""
    batch: list[int] = []
    for i in sorted(range(len(rows)), key=lambda i: -len(rows[i])):
        if batch and (len(batch) == batch_size or (len(batch) + 1) * len(rows[batch[0]]) > _TOKENS_A_BATCH):
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _gathered(logits: torch.Tensor, targets: torch.Tensor) -> FloatArray:
    parts = []
    for start in range(0, len(targets), _POSITIONS):
        some, wanted = logits[start : start + _POSITIONS].float(), targets[start : start + _POSITIONS]
        parts.append(some.gather(-1, wanted[:, None])[:, 0] - some.logsumexp(-1))
    return np.asarray(torch.cat(parts).cpu(), np.float64)
