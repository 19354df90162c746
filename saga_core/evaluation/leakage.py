"""Leakage: does the training text hold a sentence that is measured on, or one that hardly differs?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from saga_core.errors import StageError

# Two sentences are near-duplicates from this Jaccard similarity of their character n-grams on: one word of ten changed.
SIMILAR = 0.6
# A sentence is part of a longer one when that one has so much of its n-grams.
CONTAINED = 0.9
_FEWEST_CONTAINED = 6
_GRAM = 5
_FEWEST_WORDS = 4
# Sentences compared at once, which bounds the memory of a step.
_BATCH = 256
_SHOWN = 3
_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class Leak:
    """A sentence that is measured on, and the one of the training that it is too like.

    Attributes:
        sentence: The sentence that is measured on.
        seen: The nearest sentence of the training.
        similarity: Jaccard similarity of their character 5-grams, or where it is part of a longer one, the share of its
            own that are there; 1 where only case, punctuation or spaces differ.
    """

    sentence: str
    seen: str
    similarity: float


class SeenText:
    """The sentences of the training, to be asked whether one is among them.

    Args:
        sentences: The sentences, in any order and with repetitions.
    """

    def __init__(self, sentences: Iterable[str]) -> None:
        self._sentences = {form: sentence for sentence in sentences if (form := normal_form(sentence))}

    def leaks(self, sentences: Iterable[str]) -> dict[str, Leak]:
        """Return which sentences the training holds or nearly holds.

        The similarity is exact, no estimate by hashing: every sentence is compared with every one that shares a
        character 5-gram with it (by sets of n-grams a resemblance of 0.6 or more, or from six words on a containment of
        0.9 or more: Broder 1997, "On the resemblance and containment of documents").

        Args:
            sentences: Sentences that are measured on.

        Returns:
            The leak by sentence. One of fewer than four words has none: a heading or an exclamation is nobody's.
        """
        wanted = {sentence: normal_form(sentence) for sentence in dict.fromkeys(sentences)}
        wanted = {sentence: form for sentence, form in wanted.items() if form.count(" ") + 1 >= _FEWEST_WORDS}
        found = {s: Leak(s, self._sentences[form], 1.0) for s, form in wanted.items() if form in self._sentences}
        rest = [(sentence, _grams(form)) for sentence, form in wanted.items() if sentence not in found]
        if not rest or not self._sentences:
            return found
        vocabulary = {gram: i for i, gram in enumerate(sorted(set().union(*(grams for _, grams in rest))))}
        seen = list(self._sentences.values())
        matrix, sizes = _matrix(map(_grams, self._sentences), vocabulary)
        transposed = matrix.T.tocsr()
        for start in range(0, len(rest), _BATCH):
            part = rest[start : start + _BATCH]
            shared = (_matrix((grams for _, grams in part), vocabulary)[0] @ transposed).tocsr()
            for row, (sentence, grams) in enumerate(part):
                at = slice(shared.indptr[row], shared.indptr[row + 1])
                columns, common = shared.indices[at], shared.data[at]
                if not len(columns):
                    continue
                similarity = common / (len(grams) + sizes[columns] - common)
                best = int(np.argmax(similarity))
                if similarity[best] < SIMILAR and wanted[sentence].count(" ") + 1 >= _FEWEST_CONTAINED:
                    # Of a longer sentence it may be a part, as where another splitter cut the same text.
                    similarity = np.where(common >= CONTAINED * len(grams), common / len(grams), 0.0)
                    best = int(np.argmax(similarity))
                if similarity[best] >= SIMILAR:
                    found[sentence] = Leak(sentence, seen[columns[best]], float(similarity[best]))
        return found


def normal_form(sentence: str) -> str:
    """Return a sentence without what does not make it another one: case, punctuation, spacing, Unicode's forms."""
    return _NO_WORD.sub(" ", unicodedata.normalize("NFKC", sentence).casefold()).strip()


def require_none(leaks: Iterable[Leak], what: str, where: str) -> None:
    """Refuse to measure on what the training has seen.

    Args:
        leaks: The leaks that were found.
        what: What is measured on, for the error.
        where: The setting or the check that forbids it, for the error.

    Raises:
        StageError: There is one.
    """
    worst = sorted(leaks, key=lambda leak: (-leak.similarity, leak.sentence))
    if not worst:
        return
    shown = "; ".join(f"{leak.sentence!r} is in it as {leak.seen!r}" for leak in worst[:_SHOWN])
    more = f" and {len(worst) - _SHOWN} more" if len(worst) > _SHOWN else ""
    count = f"{len(worst)} sentence{'s' if len(worst) > 1 else ''}"
    raise StageError(
        f"the training text holds {count} of {what}: {shown}{more}",
        where,
        "take them out of the corpus or out of what is measured on",
    )


def _grams(form: str) -> frozenset[str]:
    # Spaces around it, so that first and last letters weigh as much as others, and one word is enough for a gram.
    padded = f"  {form}  "
    return frozenset(padded[i : i + _GRAM] for i in range(len(padded) - _GRAM + 1))


def _matrix(
    sets: Iterable[frozenset[str]], vocabulary: Mapping[str, int]
) -> tuple[scipy.sparse.csr_matrix, NDArray[np.int64]]:
    """Return which n-grams of the vocabulary each set has, as ones in a row; and the size of each set."""
    columns: list[NDArray[np.int32]] = []
    sizes = []
    for grams in sets:
        columns.append(np.array([vocabulary[gram] for gram in grams if gram in vocabulary], np.int32))
        sizes.append(len(grams))
    bounds = np.cumsum([0, *map(len, columns)])
    ones = np.ones(bounds[-1], np.int32)
    shape = (len(columns), len(vocabulary))
    return scipy.sparse.csr_matrix((ones, np.concatenate(columns), bounds), shape=shape), np.array(sizes, np.int64)
