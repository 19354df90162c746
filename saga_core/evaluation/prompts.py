"""Prompts made from a template and a document, cut so that they fit the context."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saga_core.errors import StageError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def fit_prompt(tokenizer: PreTrainedTokenizerBase, template: str, document: str, room: int, **fields: str) -> str:
    """Fill a template, with as much of the start of a document as there is room for.

    Args:
        tokenizer: The model's tokenizer.
        template: Text with ``{text}`` for the document and ``{name}`` for each of ``fields``.
        document: The document; cut on the right, by tokens.
        room: Most tokens of the prompt.
        **fields: What else the template names; never cut.

    Returns:
        The prompt, of ``room`` tokens at most.

    Raises:
        StageError: There is no room for anything of the document.
    """
    document = document.strip()
    kept = prompt = ""
    ids = tokenizer(document, add_special_tokens=False, verbose=False)["input_ids"]
    length = len(ids)
    while length > 0:
        # A cut inside a character leaves bytes that are no text.
        kept = document if length == len(ids) else _decode(tokenizer, ids[:length]).rstrip("\ufffd").rstrip()
        prompt = template.format(text=kept, **fields)
        excess = len(tokenizer(prompt, verbose=False)["input_ids"]) - room
        if excess <= 0:
            return prompt
        length -= excess
    raise StageError(
        f"a prompt of {room} tokens has no room for the document",
        f"prompt {template[:20]!r}",
        "lower max_new_tokens, or choose a model with a longer context",
    )


def _decode(tokenizer: PreTrainedTokenizerBase, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
