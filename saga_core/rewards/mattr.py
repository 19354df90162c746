"""Moving-average type-token ratio: how varied the words of a text are, whatever its length."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

# Letters and digits, with hyphens and apostrophes inside a word; the underscore belongs to no word.
_WORD = re.compile(r"[^\W_]+(?:[-‐‑'’][^\W_]+)*")


def mattr(text: str, window: int) -> float:
    """Return the mean, over all windows of so many words in a row, of the share of different words.

    MATTR(W) = mean over i of |{w_i, …, w_(i+W-1)}| / W (Covington & McFall 2010, "Cutting the Gordian Knot:
    The Moving-Average Type-Token Ratio", Journal of Quantitative Linguistics 17(2)). Words are lower-cased,
    punctuation is dropped. A text of fewer than ``window`` words gets its plain type-token ratio.

    Args:
        text: Any text.
        window: W, in words; at least 1.

    Returns:
        A number in (0, 1]; 0 for a text without a word.
    """
    found = words(text)
    if not found:
        return 0.0
    size = min(window, len(found))
    counts = Counter(found[:size])
    types = len(counts)
    for left, right in zip(found, found[size:], strict=False):
        counts[right] += 1
        counts[left] -= 1
        if not counts[left]:
            del counts[left]
        types += len(counts)
    return types / (size * (len(found) - size + 1))


def words(text: str) -> list[str]:
    """Return the words of a text, lower-cased, without punctuation."""
    # A decomposed "å" is a letter and a mark, and a mark is no word character.
    return _WORD.findall(unicodedata.normalize("NFC", text).lower())
