"""The model card as it stands in a repository of the Hub: what loads the adapter there is the repository's name."""

from __future__ import annotations

import json
import re

from huggingface_hub import ModelCard

from saga_core.errors import StageError

# The line of the card's usage that loads the adapter; what it names is a JSON string.
_LOADS = re.compile(r'(?<=\nmodel = PeftModel\.from_pretrained\(base, )"(?:[^"\\\n]|\\.)*"(?=\)\n)')


def card_for_hub(card: str, repository: str) -> str:
    """Return a published model card whose usage and front matter name a repository of the Hub.

    Args:
        card: The card, as ``render_card`` wrote it.
        repository: ``org/name``.

    Raises:
        StageError: It is no such card.
    """
    text, found = _LOADS.subn(lambda _: json.dumps(repository), card)
    if found != 1:
        raise StageError("the model card does not say how to load the adapter", "README.md", "run the recipe again")
    parsed = ModelCard(text)
    parsed.data.model_name = repository
    return str(parsed)
