"""Self-BLEU: how like the other texts of its set a text is."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import fmean

import numpy as np
from sacrebleu.metrics.bleu import BLEU

from saga_core.evaluation.statistics import FloatArray

# A text is compared with so many others, drawn at random: with all, a thousand texts would be a million comparisons.
_REFERENCES = 50
_GROUPS = 10
_ORDER = 4
_Gram = tuple[str, ...]


def self_bleu(texts: Sequence[str], seed: int) -> tuple[list[float], tuple[float, FloatArray]]:
    """Return the BLEU-4 of each text against others of its set, in 0..1 (Self-BLEU; Zhu et al. 2018, SIGIR).

    It is sacrebleu's ``sentence_score``, its tokens lower-cased and its order effective, so that a text of two words
    has a figure too.

    Args:
        texts: The set.
        seed: Of the choice of the others, of which at most 50 are taken; the same for every set of a size.

    Returns:
        The figure of each text; and their mean, with the mean without each tenth of the set, both as texts and as
        what others are held against: leaving out one text at a time would take n times as long.
    """
    counts = _Counts(texts)
    others = [[j for j in range(len(texts)) if j != i] for i in range(len(texts))]
    for i, order in enumerate(others):
        random.Random(f"{seed}/{i}").shuffle(order)

    def scores(left_out: int | None) -> list[float]:
        found = []
        for i, order in enumerate(others):
            if left_out is None or i % _GROUPS != left_out:
                against = [j for j in order if left_out is None or j % _GROUPS != left_out][:_REFERENCES]
                found.append(counts.bleu(i, against))
        return found

    every = scores(None)
    groups = range(min(_GROUPS, len(texts)))
    without = [fmean(some) if (some := scores(group)) else 0.0 for group in groups]
    return every, (fmean(every), np.array(without))


class _Counts:
    """The n-grams of texts, counted once: sacrebleu counts a reference's anew for each text that is held to it."""

    def __init__(self, texts: Sequence[str]) -> None:
        tokenize = BLEU(lowercase=True).tokenizer
        tokens = [tokenize(text.lower().rstrip()).split() for text in texts]
        self._lengths = [len(each) for each in tokens]
        self._grams: list[Counter[_Gram]] = [
            Counter(tuple(each[i : i + n]) for n in range(1, _ORDER + 1) for i in range(len(each) - n + 1))
            for each in tokens
        ]
        self._held: defaultdict[_Gram, list[tuple[int, int]]] = defaultdict(list)
        for place, grams in enumerate(self._grams):
            for gram, count in grams.items():
                self._held[gram].append((place, count))

    def bleu(self, place: int, against: Sequence[int]) -> float:
        """Return the BLEU of one text against others, in 0..1; 0 where there are none."""
        if not against:
            return 0.0
        length, allowed, right = self._lengths[place], set(against), [0] * _ORDER
        for gram, count in self._grams[place].items():
            most = max((times for other, times in self._held[gram] if other in allowed), default=0)
            right[len(gram) - 1] += min(count, most)
        total = [max(0, length - n) for n in range(_ORDER)]
        nearest = min((self._lengths[other] for other in against), key=lambda other: (abs(other - length), other))
        found = BLEU.compute_bleu(right, total, length, nearest, smooth_method="exp", effective_order=True)
        return float(found.score) / 100.0
