"""Perplexity and bits per byte of documents."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from saga_core.evaluation.statistics import Estimate, FloatArray, bootstrap_statistic
from saga_core.progress import Tick

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class DocumentOutcome:
    """How likely a document is.

    Attributes:
        item_id: Identity of the document.
        nll: Negative log-likelihood of its tokens, nats.
        tokens: Number of tokens that were scored.
        bytes: Length of its text in UTF-8; tokenizers differ in tokens, never in bytes.
    """

    item_id: str
    nll: float
    tokens: int
    bytes: int


def score_documents(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    documents: Sequence[tuple[str, str]],
    stride: int,
    batch_size: int,
    tick: Tick,
) -> list[DocumentOutcome]:
    """Score documents; see ``likelihood.log_probs``.

    Args:
        model: Causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        documents: Id and text of each.
        stride: Tokens by which the window of a long document moves on; half the window at most.
        batch_size: Windows of a forward pass at most.
        tick: Called with the number of documents that were finished.

    Raises:
        StageError: A document has no token to score.
    """
    # PyTorch is large, and reports of stored outcomes do without it.
    from saga_core.evaluation.likelihood import log_probs

    texts = [text for _, text in documents]
    scored = log_probs(model, tokenizer, texts, batch_size, tick, stride)
    return [
        DocumentOutcome(name, -float(values.sum()), len(values), len(text.encode()))
        for (name, text), values in zip(documents, scored, strict=True)
    ]


def perplexity_of(nll: FloatArray, tokens: FloatArray, axis: int) -> FloatArray:
    """Return exp(sum of nll / sum of tokens) along ``axis``."""
    return np.asarray(np.exp(nll.sum(axis) / tokens.sum(axis)), np.float64)


def bits_per_byte_of(nll: FloatArray, size: FloatArray, axis: int) -> FloatArray:
    """Return sum of nll / (ln 2 * sum of bytes) along ``axis``."""
    return np.asarray(nll.sum(axis) / (math.log(2) * size.sum(axis)), np.float64)


def perplexity(outcomes: Sequence[DocumentOutcome], seed: int, resamples: int) -> Estimate:
    """Estimate the perplexity a token; its interval is bootstrapped over documents."""
    return bootstrap_statistic(perplexity_of, token_samples(outcomes), seed, resamples)


def bits_per_byte(outcomes: Sequence[DocumentOutcome], seed: int, resamples: int) -> Estimate:
    """Estimate the bits a byte; its interval is bootstrapped over documents."""
    return bootstrap_statistic(bits_per_byte_of, byte_samples(outcomes), seed, resamples)


def token_samples(outcomes: Sequence[DocumentOutcome]) -> list[list[float]]:
    """Return the samples that ``perplexity_of`` takes."""
    return [[o.nll for o in outcomes], [o.tokens for o in outcomes]]


def byte_samples(outcomes: Sequence[DocumentOutcome]) -> list[list[float]]:
    """Return the samples that ``bits_per_byte_of`` takes."""
    return [[o.nll for o in outcomes], [o.bytes for o in outcomes]]
