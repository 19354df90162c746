"""What the trees of real text hardly have: a modifier at odds with its noun, a clause without a finite verb.

Which features must agree differs by language and treebank: Bokmål lets *en* stand before a feminine, and tags an
adjective ``Com`` where its noun is ``Masc``. So it is counted, on trees of real text, how often a modifier with the
value a of a feature stands by a noun with the value b, n(a, b), against how often it would if neither minded the other,
e(a, b) = n(a) n(b) / n::

    surprise(a, b) = -log((n(a, b) + 1) / (e(a, b) + 1))

which is minus the pointwise mutual information (Church and Hanks 1990, CL 16) with one added to both counts. A pair
clashes where that is ``LEAST_SURPRISE`` or more and no chance: a Poisson distribution with the mean e(a, b) gives so
few in one case of a hundred. A value that may be two, such as ``Fem,Masc``, tells nothing.

A clause with a subject must have a finite verb among its predicate, auxiliaries and copula, unless too many clauses of
its relation do without that have the predicate in the same form: Swedish may leave out *har* in a subordinate clause,
where a supine alone says nothing.

A clash adds a quarter of its surprise to the doubt about a sentence, for parsers err; a missing finite verb adds 1.
More tells wrong forms better and costs as much where nothing is wrong but the order.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import scipy

from saga_core.evaluation.statistics import wilson
from saga_core.judges.rules import SUBJECTS, is_finite
from saga_core.judges.verdict import Token

LEAST_SURPRISE = 0.7

_FEATURES = ("Gender", "Number", "Definite", "Case")
_MODIFIERS = frozenset({"DET", "ADJ", "PRON"})
_NOUNS = frozenset({"NOUN"})
_SHARE, _UNFINISHED = 0.25, 1.0
_CHANCE = 0.01
# Upper limit of the share of a relation's clauses that do without a finite verb, for that to be a flaw.
_MOST_WITHOUT = 0.025
# The form of a predicate that is no verb.
_NO_VERB = "cop"

# Part of speech of a modifier, feature, its value, and that of the noun.
Pair = tuple[str, str, str, str]


@dataclass(frozen=True)
class Flaw:
    """What is wrong in a sentence.

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
        finite: Relations whose clauses have a finite verb, and in which forms of their predicate they may lack it.
    """

    surprise: Mapping[Pair, float]
    finite: Mapping[str, frozenset[str]]

    def flaws(self, tokens: Sequence[Token]) -> Iterator[Flaw]:
        """Find what is wrong in a tree; of a modifier the feature that clashes most."""
        for modifier, noun in _modified(tokens):
            pairs = [(self.surprise[pair], pair[1]) for pair in _pairs(modifier, noun) if pair in self.surprise]
            if pairs:
                surprise, feature = max(pairs)
                yield Flaw(_SHARE * surprise, f"{modifier.form!r} and {noun.form!r} seem not to agree in {feature}")
        for token, form in _clauses(tokens):
            may_lack = self.finite.get(_relation(token))
            if form is not None and may_lack is not None and form not in may_lack:
                yield Flaw(_UNFINISHED, f"the clause of {token.form!r} seems to have no finite verb")


def learn_agreement(trees: Iterable[Sequence[Token]]) -> Agreement:
    """Count on trees of real text, as the judge's own parser makes them or a treebank has them."""
    pairs: Counter[Pair] = Counter()
    clauses: dict[str, Counter[str | None]] = defaultdict(Counter)
    for tokens in trees:
        pairs.update(pair for modifier, noun in _modified(tokens) for pair in _pairs(modifier, noun))
        for token, form in _clauses(tokens):
            clauses[_relation(token)][form] += 1
    return Agreement(_surprises(pairs), dict(_demands(clauses)))


def _surprises(pairs: Counter[Pair]) -> dict[Pair, float]:
    own: Counter[tuple[str, str, str]] = Counter()
    nouns: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for (upos, feature, value, by), n in pairs.items():
        own[upos, feature, value] += n
        nouns[upos, feature][by] += n
    found = {}
    for (upos, feature, value), n in own.items():
        of_nouns = nouns[upos, feature]
        for by, m in of_nouns.items():
            together, expected = pairs[upos, feature, value, by], n * m / of_nouns.total()
            surprise = -math.log((together + 1) / (expected + 1))
            if surprise >= LEAST_SURPRISE and scipy.stats.poisson.cdf(together, expected) < _CHANCE:
                found[upos, feature, value, by] = surprise
    return found


def _demands(clauses: Mapping[str, Counter[str | None]]) -> Iterator[tuple[str, frozenset[str]]]:
    for relation, forms in clauses.items():
        total = forms.total()
        if wilson(0, total).high < _MOST_WITHOUT:
            without = ((form, n) for form, n in forms.items() if form is not None)
            yield relation, frozenset(form for form, n in without if wilson(n, total).high >= _MOST_WITHOUT)


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
        own, by = modifier.feats.get(feature), noun.feats.get(feature)
        if own and by and "," not in own + by:
            yield upos, feature, own, by


def _clauses(tokens: Sequence[Token]) -> Iterator[tuple[Token, str | None]]:
    """Return the predicates of clauses with a subject and a verb; with its form where no verb of theirs is finite."""
    children: dict[int, list[Token]] = {}
    for token in tokens:
        children.setdefault(token.head, []).append(token)
    for position, token in enumerate(tokens, 1):
        mine = children.get(position, [])
        verbs = [child for child in mine if _relation(child) in ("aux", "cop")]
        is_verb = token.upos in ("VERB", "AUX")
        if is_verb:
            verbs.append(token)
        if verbs and any(child.deprel in SUBJECTS for child in mine):
            form = token.feats.get("VerbForm", "") if is_verb else _NO_VERB
            yield token, None if any(map(is_finite, verbs)) else form


def _relation(token: Token) -> str:
    return token.deprel.partition(":")[0]
