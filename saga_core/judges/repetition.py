"""Something said twice in a row, as a model does that has learned to please: *i dag i dag*.

Real text hardly does it, and where it does (*gang på gang på gang*) it is an idiom. So a sentence that does is as
doubtful as that is rare: minus the logarithm of the share of real sentences that have it, with one added to the count.
A whole sentence that is said twice is none of this: each is judged for itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

_FEWEST, _MOST = 2, 8


def said_twice(tokens: Sequence[str]) -> str | None:
    """Return the first sequence of two to eight words, not all the same, that comes twice in a row.

    Args:
        tokens: Of a sentence; what has no letter is passed over.
    """
    words = [token for token in tokens if any(char.isalpha() for char in token)]
    lower = [word.lower() for word in words]
    for start in range(len(lower)):
        for length in range(_FEWEST, min(_MOST, (len(lower) - start) // 2) + 1):
            middle = start + length
            if lower[start:middle] == lower[middle : middle + length] and len(set(lower[start:middle])) > 1:
                return " ".join(words[start:middle])
    return None


def rarity(sentences: Iterable[Sequence[str]]) -> float:
    """Return how rare it is in real sentences, in nats."""
    found = total = 0
    for tokens in sentences:
        total += 1
        found += said_twice(tokens) is not None
    return -math.log((found + 1) / (total + 1))
