"""What the trees of real text hardly have: a modifier at odds with its noun, a clause without a finite verb.

Which features must agree differs by language and treebank: Bokmål lets *en* stand before a feminine, and tags an
adjective ``Com`` where its noun is ``Masc``. So it is counted, on trees of real text, how often a modifier with the
value a of a feature stands by a noun with the value b, against how often it would if neither minded the other::

    surprise(a, b) = -log((n(a, b) + 1) / (n(a) n(b) / n + 1))

which is minus the pointwise mutual information (Church and Hanks 1990, CL 16) with one added to both counts. A pair
clashes where that is ``LEAST_SURPRISE`` or more. Likewise a clause with a subject must have a finite verb among its
predicate, auxiliaries and copula where nearly all clauses of its relation have: Swedish may leave out *har* in a
subordinate clause, so there its absence says nothing.

A clash adds a quarter of its surprise to the doubt about a sentence, for parsers err; a missing finite verb adds 1.
More tells wrong forms better and costs as much where nothing is wrong but the order.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from saga_core.judges.verdict import Token

LEAST_SURPRISE = 0.7

_FEATURES = ("Gender", "Number", "Definite", "Case")
_MODIFIERS = frozenset({"DET", "ADJ", "PRON"})
_NOUNS = frozenset({"NOUN"})
_SUBJECTS = frozenset({"nsubj", "csubj", "expl"})
_SHARE, _UNFINISHED = 0.25, 1.0
# Clauses of a relation that have no finite verb, of all, for its absence to be a flaw; and how many there must be.
_MOST_WITHOUT, _LEAST_CLAUSES = 0.05, 50

# Part of speech of a modifier, feature, its value, and that of the noun.
Pair = tuple[str, str, str, str]


@dataclass(frozen=True)
class Flaw:
    """What is wrong in a tree.

    Attributes:
        doubt: What it adds to the doubt about the sentence.
        reason: What it is, for a person.
    """

    doubt: float
    reason: str


@dataclass(frozen=True)
class Agreement:
    """What has been counted.

    Attributes:
        surprise: Of each pair of values that clashes, in nats.
        finite: Relations whose clauses have a finite verb.
    """

    surprise: Mapping[Pair, float]
    finite: frozenset[str]

    def flaws(self, tokens: Sequence[Token]) -> list[Flaw]:
        """Return what is wrong in a tree, the worst first; of a modifier the feature that clashes most."""
        found = [*self._clashes(tokens), *self._unfinished(tokens)]
        return sorted(found, key=lambda flaw: -flaw.doubt)

    def _clashes(self, tokens: Sequence[Token]) -> Iterator[Flaw]:
        for modifier, noun in _modified(tokens):
            pairs = [(self.surprise[pair], pair[1]) for pair in _pairs(modifier, noun) if pair in self.surprise]
            if pairs:
                surprise, feature = max(pairs)
                yield Flaw(_SHARE * surprise, f"{modifier.form!r} and {noun.form!r} seem not to agree in {feature}")

    def _unfinished(self, tokens: Sequence[Token]) -> Iterator[Flaw]:
        for token, has_finite in _clauses(tokens):
            if not has_finite and _relation(token) in self.finite:
                yield Flaw(_UNFINISHED, f"the clause of {token.form!r} seems to have no finite verb")


def learn_agreement(trees: Iterable[Sequence[Token]]) -> Agreement:
    """Count on trees of real text, as the judge's own parser makes them or a treebank has them."""
    pairs: Counter[Pair] = Counter()
    clauses: Counter[tuple[str, bool]] = Counter()
    for tokens in trees:
        pairs.update(pair for modifier, noun in _modified(tokens) for pair in _pairs(modifier, noun))
        clauses.update((_relation(token), has_finite) for token, has_finite in _clauses(tokens))
    own: Counter[tuple[str, str, str]] = Counter()
    nouns: Counter[tuple[str, str, str]] = Counter()
    together: Counter[tuple[str, str]] = Counter()
    for (upos, feature, value, by), n in pairs.items():
        own[upos, feature, value] += n
        nouns[upos, feature, by] += n
        together[upos, feature] += n
    surprise = {}
    for (upos, feature, value), n in own.items():
        for by in sorted(by for of, named, by in nouns if (of, named) == (upos, feature)):
            expected = n * nouns[upos, feature, by] / together[upos, feature]
            found = -math.log((pairs[upos, feature, value, by] + 1) / (expected + 1))
            if found >= LEAST_SURPRISE:
                surprise[upos, feature, value, by] = found
    relations = {relation for relation, _ in clauses}
    return Agreement(surprise, frozenset(r for r in relations if _demands(clauses[r, True], clauses[r, False])))


def _demands(with_finite: int, without: int) -> bool:
    clauses = with_finite + without
    return clauses >= _LEAST_CLAUSES and without < _MOST_WITHOUT * clauses


def _modified(tokens: Sequence[Token]) -> Iterator[tuple[Token, Token]]:
    for token in tokens:
        noun = tokens[token.head - 1] if token.head else None
        if noun is None or noun.upos not in _NOUNS or token.upos not in _MODIFIERS:
            continue
        if _relation(token) in ("det", "amod") or (_relation(token) == "nmod" and "Poss" in token.feats):
            yield token, noun


def _pairs(modifier: Token, noun: Token) -> Iterator[Pair]:
    upos = "POSS" if "Poss" in modifier.feats else modifier.upos
    for feature in _FEATURES:
        if feature in modifier.feats and feature in noun.feats:
            yield upos, feature, modifier.feats[feature], noun.feats[feature]


def _clauses(tokens: Sequence[Token]) -> Iterator[tuple[Token, bool]]:
    """Return the predicates of clauses with a subject and a verb, and whether any verb of theirs is finite."""
    children: dict[int, list[Token]] = {}
    for token in tokens:
        children.setdefault(token.head, []).append(token)
    for position, token in enumerate(tokens, 1):
        mine = children.get(position, [])
        verbs = [child for child in mine if _relation(child) in ("aux", "cop")]
        if token.upos in ("VERB", "AUX"):
            verbs.append(token)
        if verbs and any(_relation(child) in _SUBJECTS for child in mine):
            yield token, any("Fin" in verb.feats.get("VerbForm", "").split(",") for verb in verbs)


def _relation(token: Token) -> str:
    return token.deprel.partition(":")[0]
