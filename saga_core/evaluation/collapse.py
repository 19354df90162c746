"""Signs that a model has found a trick: texts that repeat each other, themselves, or what was trained on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from saga_core.evaluation.jackknife import jackknife_estimate
from saga_core.evaluation.statistics import Estimate, FloatArray, wilson
from saga_core.rewards.mattr import words

_OVERLAP = 4
_PASSAGE = 8
# A statistic of a set, and its value without each unit, (n,).
SetStatistic = tuple[float, FloatArray]


def distinct_2(texts: Sequence[Sequence[str]]) -> SetStatistic:
    """Return the share of different bigrams among all of a set (distinct-2; Li et al. 2016, NAACL).

    It falls as the set grows, so sets are comparable only where their texts are as long: see ``as_long``.

    Args:
        texts: The words of each text.
    """
    bigrams = [list(pairwise(found)) for found in texts]
    counts = Counter(bigram for each in bigrams for bigram in each)
    total = counts.total()

    def share(types: int, tokens: int) -> float:
        return types / tokens if tokens else 0.0

    without = []
    for each in bigrams:
        own = Counter(each)
        gone = sum(counts[bigram] == n for bigram, n in own.items())
        without.append(share(len(counts) - gone, total - len(each)))
    return share(len(counts), total), np.array(without)


def as_long(sets: Mapping[str, Sequence[Sequence[str]]]) -> dict[str, list[list[str]]]:
    """Return sets of sequences, the i-th of every set cut to the shortest of all i-th ones.

    What counts different words or openers would else call the longer texts the poorer ones, and the shorter the richer.
    """
    shortest = [min(map(len, each)) for each in zip(*sets.values(), strict=True)]
    return {name: [list(s[:n]) for s, n in zip(some, shortest, strict=True)] for name, some in sets.items()}


def opener_entropy(openers: Sequence[Sequence[str]]) -> SetStatistic:
    """Return the Shannon entropy of sentence openers, in bits: low where a model begins all its sentences alike.

    Args:
        openers: First words of the sentences of each text.
    """
    counts = Counter(word for each in openers for word in each)

    def entropy(numbers: Iterable[int]) -> float:
        kept = np.array([n for n in numbers if n], np.float64)
        return float(math.log2(kept.sum()) - (kept * np.log2(kept)).sum() / kept.sum()) if len(kept) else 0.0

    without = []
    for each in openers:
        own = Counter(each)
        without.append(entropy(n - own[word] for word, n in counts.items()))
    return entropy(counts.values()), np.array(without)


def duplicate_share(duplicate: Sequence[bool], texts: Sequence[str]) -> SetStatistic:
    """Return the share of texts that have the words of another, and the share without each.

    Args:
        duplicate: Of each text, as ``duplicates`` tells.
        texts: The texts.
    """
    forms = [" ".join(words(text)) for text in texts]
    counts, many, n = Counter(forms), sum(duplicate), len(texts)
    # Without one of two, the other is no duplicate any more.
    gone = [{1: 0, 2: 2}.get(counts[form], 1) for form in forms]
    return many / n, np.array([(many - less) / (n - 1) if n > 1 else 0.0 for less in gone])


def apart(texts: Sequence[str]) -> list[int]:
    """Return the places of texts that have no passage in common, the first of those that do.

    What people wrote after two prompts of one document is in part the same text, which would make human text look as if
    it repeated itself.

    Args:
        texts: Texts; a passage is eight words in a row.
    """
    seen: set[tuple[str, ...]] = set()
    kept = []
    for place, text in enumerate(texts):
        passages = set(_grams(words(text), _PASSAGE))
        if not passages & seen:
            kept.append(place)
            seen |= passages
    return kept


def duplicates(texts: Sequence[str]) -> list[bool]:
    """Return which texts have the words of another of their set, a blank one those of another blank one."""
    forms = [" ".join(words(text)) for text in texts]
    counts = Counter(forms)
    return [counts[form] > 1 for form in forms]


def overlaps(texts: Sequence[str], trained: Iterable[str]) -> list[float]:
    """Return how much of each text the training's texts hold: the share of its word 4-grams that stand in one of them.

    Args:
        texts: Texts to look at; one of fewer than four words has no share, 0.
        trained: What was trained on.
    """
    known = {gram for text in trained for gram in _grams(words(text), _OVERLAP)}
    shares = []
    for text in texts:
        grams = _grams(words(text), _OVERLAP)
        shares.append(sum(gram in known for gram in grams) / len(grams) if grams else 0.0)
    return shares


def estimate_set(statistic: SetStatistic, n: int) -> Estimate:
    """Estimate a statistic of n texts by the jackknife: resampling would repeat texts, and so make them alike."""
    return replace(jackknife_estimate(*statistic), n=n)


def estimate_share(statistic: SetStatistic, n: int) -> Estimate:
    """Estimate a share of n texts as ``estimate_set`` does, or by Wilson's interval where no text alone changes it.

    That is so where the share is 0: that none of these texts is a duplicate does not tell that none would be.
    """
    estimate = estimate_set(statistic, n)
    return estimate if estimate.low < estimate.high else wilson(round(estimate.value * n), n)


def _grams(found: Sequence[str], length: int) -> list[tuple[str, ...]]:
    return [tuple(found[i : i + length]) for i in range(len(found) - length + 1)]
