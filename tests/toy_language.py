"""A language of one kind of sentence: whoever has seen it knows what is none."""

from __future__ import annotations

import random

DETS, NOUNS, VERBS, ENDS = ("en", "hver"), ("gutt", "hest", "hund", "mann"), ("ser", "liker", "finner"), (".", "!")
TAGS = {**dict.fromkeys(DETS, "DET"), **dict.fromkeys(NOUNS, "NOUN"), **dict.fromkeys(VERBS, "VERB")}


def toy_sentences(n: int, seed: int) -> list[list[str]]:
    """Return the tokens of random sentences."""
    rng = random.Random(seed)
    parts = (DETS, NOUNS, VERBS, DETS, NOUNS, ENDS)
    return [[rng.choice(part) for part in parts] for _ in range(n)]


def written(tokens: list[str]) -> str:
    """Return a sentence as it is written."""
    return " ".join(tokens[:-1]).capitalize() + tokens[-1]
