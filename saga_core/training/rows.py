"""Training rows, tokenised before the trainers see them, since theirs append an end-of-text token to every text.

A text is tokenised as the tokenizer does by default, the way generation does it: its begin-of-text token stands in
front where the tokenizer puts one, once. An end-of-text token that the tokenizer puts behind a text is taken off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from saga_core.errors import StageError
from saga_core.preferences.pairs import Pair

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class PairRow(TypedDict):
    """A pair as token ids; a side of the pair is ``prompt_ids`` followed by its own ids."""

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]
    length: int


def sentence_rows(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int
) -> tuple[list[list[int]], int]:
    """Tokenise sentences for supervised training: no end-of-text, because a sentence does not end a text.

    Args:
        tokenizer: The model's tokenizer.
        texts: Sentences.
        max_length: Longest row, tokens.

    Returns:
        Rows of two tokens or more, and how many sentences were dropped because they are longer than ``max_length``.
    """
    encoded = [ids for ids in _encode(tokenizer, texts) if len(ids) > 1]
    rows = [ids for ids in encoded if len(ids) <= max_length]
    return rows, len(encoded) - len(rows)


def text_rows(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int) -> list[list[int]]:
    """Tokenise real text for the NLL term: the first ``max_length`` tokens of each text, without end-of-text.

    The start of a text is as good a row as the whole, so nothing is dropped but texts that have nothing to predict.

    Args:
        tokenizer: The model's tokenizer.
        texts: Sentences or documents.
        max_length: Longest row, tokens.
    """
    return [ids[:max_length] for ids in _encode(tokenizer, texts) if len(ids) > 1]


def pair_rows(tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Pair], max_length: int) -> tuple[list[PairRow], int]:
    """Tokenise pairs from their text, not from the sampled ids, which would be a cue to who wrote it.

    Prompt and continuation are tokenised as one text. Where a token would span their border (a continuation that does
    not begin with a space), the prompt part ends before that token on both sides of the pair: the token counts as
    continuation, and every row stays the tokenizer's own spelling of its text. End-of-text follows a side only where
    the model itself ended it: a trimmed candidate must not teach the model to stop.

    Args:
        tokenizer: The model's tokenizer.
        pairs: Continuations of a prompt, each beginning with its space or line break.
        max_length: Longest side, tokens.

    Returns:
        Rows, and how many pairs were dropped because a side is longer than ``max_length``.

    Raises:
        StageError: A side of a pair has no token of its own.
    """
    prompts = [pair.prompt.rstrip() for pair in pairs]
    heads = _encode(tokenizer, prompts)
    chosen = _encode(tokenizer, [p + pair.chosen for p, pair in zip(prompts, pairs, strict=True)])
    rejected = _encode(tokenizer, [p + pair.rejected for p, pair in zip(prompts, pairs, strict=True)])
    end = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    rows: list[PairRow] = []
    for pair, prompt, good, bad in zip(pairs, heads, chosen, rejected, strict=True):
        border = min(_common_prefix(prompt, good), _common_prefix(prompt, bad))
        good = good + end if pair.chosen_finished else good
        bad = bad + end if pair.rejected_finished else bad
        length = max(len(good), len(bad))
        if min(len(good), len(bad)) <= border:
            raise StageError("a continuation is empty", f"pair {pair.prompt_id}", "leave such candidates out")
        if length <= max_length:
            rows.append(
                PairRow(
                    prompt_ids=prompt[:border],
                    chosen_ids=good[border:],
                    rejected_ids=bad[border:],
                    length=length,
                )
            )
    return rows, len(pairs) - len(rows)


def _encode(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    if not texts:
        return []
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    encoded = []
    for ids in tokenizer(list(texts))["input_ids"]:
        # A text that spells out its begin-of-text token gets a second one.
        while bos is not None and ids[:2] == [bos, bos]:
            ids = ids[1:]
        while len(ids) > 1 and ids[-1] == eos:
            ids = ids[:-1]
        encoded.append(ids)
    return encoded


def _common_prefix(left: list[int], right: list[int]) -> int:
    for i, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return i
    return min(len(left), len(right))
