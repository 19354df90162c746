"""Reading the text that the rule ``grammar`` is learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from saga_core.corpus.sentences import clean, good_sentences
from saga_core.corpus.sources import read_documents
from saga_core.errors import UserError
from saga_core.outside import Outside
from saga_core.progress import progress
from saga_core.recipe import TextSource

# Some minutes of one core.
MOST_SENTENCES = 600_000
LEAST_WORDS, MOST_WORDS = 4, 60
MOST_HELD_OUT = 2_000

_APART = 10
_LEAST, _LEAST_HELD_OUT = 500, 50


@dataclass(frozen=True)
class SlipText:
    """Whole sentences of a language.

    Attributes:
        train: What the model learns from, each once.
        heldout: Of other documents: they tell what is usual.
    """

    train: tuple[str, ...]
    heldout: tuple[str, ...]


def read_slip_text(path: Path, language: str) -> SlipText:
    """Read the whole sentences of a file of documents.

    Every tenth document is held out; of all of these 2,000 sentences are kept, evenly, for the file may be in an order.

    Args:
        path: JSON Lines with ``text``, or plain text.
        language: Code of the language.

    Raises:
        UserError: The file cannot be read, or has too few sentences.
    """
    train: dict[str, None] = {}
    heldout: dict[str, None] = {}
    with progress("reading text", None, "sentences") as tick:
        for number, document in enumerate(read_documents(TextSource(path=str(path)), Outside({}, str(path)), 0)):
            sentences = good_sentences(clean(document), language, LEAST_WORDS, MOST_WORDS)
            kept = heldout if number % _APART == _APART - 1 else train
            for sentence in sentences:
                kept[sentence] = None
                tick()
            if len(train) >= MOST_SENTENCES:
                break
    apart = [sentence for sentence in heldout if sentence not in train]
    if len(train) < _LEAST or len(apart) < _LEAST_HELD_OUT:
        what = f"{len(train)} whole sentences, and {len(apart)} of every tenth document, are too few to learn from"
        raise UserError(what, f"judge.text {path}", f"give {_LEAST:,} and {_LEAST_HELD_OUT} or more")
    return SlipText(tuple(train), tuple(evenly(apart, MOST_HELD_OUT)))


def evenly(items: Sequence[str], most: int) -> list[str]:
    """Return so many of the items at most, from all parts of them."""
    return [items[number * len(items) // most] for number in range(most)] if len(items) > most else list(items)
