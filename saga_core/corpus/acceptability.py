"""Where ScaLA's two corruptions may be made, by part of speech (Nielsen 2023, "ScandEval", NoDaLiDa)."""

from __future__ import annotations

from collections.abc import Sequence

_KEPT = frozenset({"ADJ", "ADV", "PUNCT", "SYM", "DET", "NUM", "PART"})
_NOUNS = frozenset({"NOUN", "PROPN"})
MARKS = frozenset({"PUNCT", "SYM"})


def deletable(upos: Sequence[str]) -> list[int]:
    """Return the positions of tokens whose deletion makes a sentence wrong, as a rule."""

    def may_go(i: int) -> bool:
        # Without one of two nouns in a row, or without a modifier, the sentence would often still be right.
        beside_noun = not _NOUNS.isdisjoint((*upos[max(i - 1, 0) : i], *upos[i + 1 : i + 2]))
        return upos[i] not in _KEPT and not (upos[i] in _NOUNS and beside_noun)

    return [i for i in range(len(upos)) if may_go(i)]


def flippable(upos: Sequence[str]) -> list[int]:
    """Return the positions of tokens that, flipped with the next one, make a sentence wrong, as a rule."""

    def may_flip(i: int) -> bool:
        pair = {upos[i], upos[i + 1]}
        # A pronoun and an auxiliary flipped make a question.
        return len(pair) == 2 and pair.isdisjoint(MARKS) and pair != {"PRON", "AUX"}

    return [i for i in range(len(upos) - 1) if may_flip(i)]
