"""Something said twice in a row, as a model does that has learned to please: *i dag i dag*.

Real text hardly does it, and where it does (*gang på gang på gang*) it is an idiom. So a sentence that does is as
doubtful as that is rare: minus the logarithm of the share of real sentences that have it, with one added to the count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

_FEWEST, _MOST = 2, 8


def said_twice(words: Sequence[str]) -> str | None:
    """Return the first sequence of two to eight tokens, two words or more among them, that comes twice in a row."""
    lower = [word.lower() for word in words]
    for start in range(len(lower)):
        for length in range(_FEWEST, min(_MOST, (len(lower) - start) // 2) + 1):
            middle, end = start + length, start + 2 * length
            if lower[start:middle] == lower[middle:end] and sum(_is_word(w) for w in lower[start:middle]) >= _FEWEST:
                return " ".join(words[start:middle])
    return None


def rarity(sentences: Iterable[Sequence[str]]) -> float:
    """Return how rare it is in real sentences, in nats."""
    found = total = 0
    for words in sentences:
        total += 1
        found += said_twice(words) is not None
    return -math.log((found + 1) / (total + 1))


def _is_word(token: str) -> bool:
    return token[:1].isalnum()
