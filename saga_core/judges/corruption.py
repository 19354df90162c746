"""Making one slip in a real sentence, and saying where: what the model of slips learns from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saga_core.corpus.acceptability import deletable, flippable
from saga_core.judges.slips import LABELS, Keys

_MISSING, _ORDER, _REPEATED, _FORM = (LABELS.index(name) for name in ("missing", "order", "repeated", "form"))

# How often each is made. ScaLA's two come first; a whole sentence in disorder is learned from few.
_DELETE, _FLIP, _CHANGE, _SHUFFLE, _REPEAT = 0.36, 0.36, 0.12, 0.09, 0.04
_FEWEST = 6


@dataclass(frozen=True)
class Tagged:
    """A sentence as the corruption needs it.

    Attributes:
        keys: Hashes of its tokens, (tokens, 3).
        upos: Part of speech of each token, from the lexicon.
    """

    keys: Keys
    upos: tuple[str, ...]


def corrupt(
    sentence: Tagged, others: Mapping[int, Sequence[Keys]], rng: np.random.Generator
) -> tuple[Keys, dict[int, int]] | None:
    """Make one slip.

    Args:
        sentence: A real sentence that ends with a mark.
        others: Other forms of a word, each its three hashes, by the hash of the form.
        rng: What chooses.

    Returns:
        The tokens' hashes, and the labels of the gaps that are not right; None where the slip that was drawn cannot be
        made of this sentence.
    """
    draw = rng.random()
    for share, make in ((_DELETE, _delete), (_FLIP, _flip)):
        if draw < share:
            return make(sentence, rng)
        draw -= share
    if draw < _CHANGE and (changed := _change(sentence, others, rng)):
        return changed
    if len(sentence.upos) <= _FEWEST:
        return None
    draw -= _CHANGE
    # Also where no word has another form.
    if draw < _SHUFFLE:
        return _shuffle(sentence, rng)
    return _repeat(sentence, rng) if draw < _SHUFFLE + _REPEAT else _truncate(sentence, rng)


def _delete(sentence: Tagged, rng: np.random.Generator) -> tuple[Keys, dict[int, int]] | None:
    if not (choices := deletable(sentence.upos)):
        return None
    gone = int(rng.choice(choices))
    return np.delete(sentence.keys, gone, axis=0), {gone: _MISSING}


def _flip(sentence: Tagged, rng: np.random.Generator) -> tuple[Keys, dict[int, int]] | None:
    if not (choices := flippable(sentence.upos)):
        return None
    first = int(rng.choice(choices))
    keys = sentence.keys.copy()
    keys[[first, first + 1]] = keys[[first + 1, first]]
    return keys, {first + 1: _ORDER}


def _change(
    sentence: Tagged, others: Mapping[int, Sequence[Keys]], rng: np.random.Generator
) -> tuple[Keys, dict[int, int]] | None:
    words: NDArray[np.uint64] = sentence.keys[:, 0]
    if not (choices := [i for i, word in enumerate(words) if int(word) in others]):
        return None
    place = int(rng.choice(choices))
    forms = others[int(words[place])]
    keys = sentence.keys.copy()
    keys[place] = forms[int(rng.integers(len(forms)))]
    return keys, {place: _FORM}


def _shuffle(sentence: Tagged, rng: np.random.Generator) -> tuple[Keys, dict[int, int]] | None:
    words = len(sentence.upos) - 1
    some = int(rng.integers(3, words + 1)) if rng.random() < 0.5 else words
    start = int(rng.integers(0, words - some + 1))
    order = np.arange(words + 1)
    order[start : start + some] = start + rng.permutation(some)
    broken = {i: _ORDER for i in range(1, words + 1) if order[i] != order[i - 1] + 1}
    if order[0]:
        broken[0] = _ORDER
    return (sentence.keys[order], broken) if broken else None


def _repeat(sentence: Tagged, rng: np.random.Generator) -> tuple[Keys, dict[int, int]]:
    words = len(sentence.upos) - 1
    some = int(rng.integers(1, 5))
    end = int(rng.integers(some, words + 1))
    return np.concatenate([sentence.keys[:end], sentence.keys[end - some :]]), {end: _REPEATED}


def _truncate(sentence: Tagged, rng: np.random.Generator) -> tuple[Keys, dict[int, int]]:
    words = len(sentence.upos) - 1
    kept = int(rng.integers(words // 3, 2 * words // 3 + 1))
    return np.concatenate([sentence.keys[:kept], sentence.keys[-1:]]), {kept: _MISSING}
