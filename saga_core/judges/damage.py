"""Sentences that are wrong in a known way: what a judge of grammar should tell from real ones.

All are made of a treebank's own sentences, joined from tokens by ScaLA's rule, so that nothing but the damage differs.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from saga_core.corpus.treebank import NO_LEMMA, TreebankSentence, join_tokens
from saga_core.judges.verdict import Token

Agreement = Literal["gender", "number", "definiteness", "case", "verb form"]
Floor = Literal["shuffled", "repeated", "truncated"]

# The feature whose value is made wrong, and of which words: of a modifier, whose noun says what it must be, never of
# the noun itself, which may as well be another; and of a finite verb, whose place no infinitive or participle takes.
_FEATURES: Mapping[Agreement, tuple[str, frozenset[str], frozenset[str]]] = {
    "gender": ("Gender", frozenset({"ADJ", "DET"}), frozenset({"amod", "det"})),
    "number": ("Number", frozenset({"ADJ", "DET"}), frozenset({"amod", "det"})),
    "definiteness": ("Definite", frozenset({"ADJ", "DET"}), frozenset({"amod", "det"})),
    "case": ("Case", frozenset({"ADJ", "DET"}), frozenset({"amod", "det"})),
    "verb form": ("VerbForm", frozenset({"VERB", "AUX"}), frozenset()),
}
_LEAST_REPEATED, _MOST_REPEATED = 2, 4
_FEWEST_WORDS = 6

Lexicon = Mapping[tuple[str, str, str], Mapping[str, frozenset[str]]]


@dataclass(frozen=True)
class Damaged:
    """A sentence, intact and damaged.

    Attributes:
        good: The intact one.
        bad: The damaged one.
        kind: What was done to it.
    """

    good: str
    bad: str
    kind: str


def agreement_errors(sentences: Sequence[TreebankSentence], n: int, seed: int) -> list[Damaged]:
    """Put one word of a sentence into a form of the same lemma that differs in one feature alone.

    The form is one that the treebank has. Of a language whose words have no such feature there are none, and of a
    treebank without lemmas none at all.

    Args:
        sentences: A treebank, or a part of it.
        n: Most errors of a kind.
        seed: Of order and choice.
    """
    lexicon = {kind: _lexicon(sentences, feature) for kind, (feature, _, _) in _FEATURES.items()}
    order = list(sentences)
    random.Random(f"{seed}").shuffle(order)
    made: list[Damaged] = []
    for kind, (feature, upos, relations) in _FEATURES.items():
        found = 0
        for sentence in order:
            if found == n:
                break
            rng = random.Random(f"{seed}:{kind}:{sentence.text}")
            if bad := _misformed(sentence, feature, upos, relations, lexicon[kind], rng):
                found += 1
                made.append(Damaged(join_tokens(sentence.forms), bad, kind))
    return made


def floors(sentences: Iterable[TreebankSentence], n: int, seed: int) -> list[Damaged]:
    """Damage sentences so much that none is a sentence any more.

    ``shuffled``: all words in random order; ``repeated``: two to four words said twice; ``truncated``: cut after a
    third to two thirds of the words. The mark at the end stays where it was.

    Args:
        sentences: A treebank, or a part of it.
        n: Most sentences.
        seed: Of order and choice.
    """
    long = [s for s in sentences if len(s.forms) > _FEWEST_WORDS and s.upos[-1] == "PUNCT"]
    random.Random(f"{seed}").shuffle(long)
    made = []
    for sentence in long[:n]:
        *words, end = sentence.forms
        for kind, damage in _FLOORS.items():
            rng = random.Random(f"{seed}:{kind}:{sentence.text}")
            made.append(Damaged(join_tokens(sentence.forms), join_tokens([*damage(words, rng), end]), kind))
    return made


def _shuffled(words: list[str], rng: random.Random) -> list[str]:
    mixed = words.copy()
    while mixed == words and len(set(words)) > 1:
        rng.shuffle(mixed)
    return mixed


def _repeated(words: list[str], rng: random.Random) -> list[str]:
    length = rng.randint(_LEAST_REPEATED, _MOST_REPEATED)
    start = rng.randrange(len(words) - length + 1)
    return words[: start + length] + words[start:]


def _truncated(words: list[str], rng: random.Random) -> list[str]:
    return words[: rng.randint(len(words) // 3, 2 * len(words) // 3)]


_FLOORS = {"shuffled": _shuffled, "repeated": _repeated, "truncated": _truncated}


def _lexicon(sentences: Iterable[TreebankSentence], feature: str) -> Lexicon:
    """Return the forms of each lemma, part of speech and other features, by their value of one feature."""
    forms: dict[tuple[str, str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for sentence in sentences:
        for word, lemma in zip(sentence.words, sentence.lemmas, strict=True):
            if feature in word.feats and lemma != NO_LEMMA:
                forms[_others(word, lemma, feature)][word.feats[feature]].add(word.form.lower())
    return {key: {value: frozenset(found) for value, found in by.items()} for key, by in forms.items()}


def _others(word: Token, lemma: str, feature: str) -> tuple[str, str, str]:
    # A verb's other features come and go with its form.
    rest = () if feature == "VerbForm" else sorted((n, v) for n, v in word.feats.items() if n != feature)
    return lemma, word.upos, repr(rest)


def _misformed(
    sentence: TreebankSentence,
    feature: str,
    upos: frozenset[str],
    relations: frozenset[str],
    lexicon: Lexicon,
    rng: random.Random,
) -> str | None:
    if len(sentence.forms) != len(sentence.words):
        # A multiword token has no one form to be changed.
        return None
    choices = [
        (i, form)
        for i, (word, lemma) in enumerate(zip(sentence.words, sentence.lemmas, strict=True))
        if word.upos in upos and (not relations or word.deprel.partition(":")[0] in relations)
        if feature != "VerbForm" or word.feats.get(feature) == "Fin"
        for form in _wrong_forms(word, lemma, feature, lexicon)
    ]
    if not choices:
        return None
    i, form = rng.choice(choices)
    written = sentence.forms[i]
    form = form.capitalize() if written[:1].isupper() else form
    return join_tokens([*sentence.forms[:i], form, *sentence.forms[i + 1 :]])


def _wrong_forms(word: Token, lemma: str, feature: str, lexicon: Lexicon) -> Iterator[str]:
    by_value = lexicon.get(_others(word, lemma, feature), {})
    own = word.feats.get(feature)
    # A form that also has the right value, as many have, is no error.
    right = by_value.get(own, frozenset()) if own else frozenset()
    for value in sorted(by_value):
        if own is not None and value != own:
            yield from sorted(by_value[value] - right - {word.form.lower()})
