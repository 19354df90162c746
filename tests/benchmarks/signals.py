"""What each thing that a parser's tree tells is worth alone: AUROC on ScaLA's pairs and on agreement errors.

``python -m benchmarks.signals JUDGE COUNTED TEST``: a spaCy pipeline, and two treebanks of its language, the first to
count on, the second to measure on. ``docs/decisions/0012-a-judge-that-has-read-text.md`` has its figures for Bokmål.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from saga_core.corpus.treebank import read_treebank
from saga_core.evaluation.scala import build_pairs
from saga_core.evaluation.statistics import auroc
from saga_core.judges.damage import Damaged, agreement_errors
from saga_core.judges.spacy_parser import SpacyParser, load_spacy
from saga_core.judges.verdict import Token

Tree = Sequence[Token]
PAIRS, SEED = 1_000, 42
# Kinds of edges that might be, for those that were never met.
_KINDS = 2_000


def relation(token: Token) -> str:
    return token.deprel.partition(":")[0]


def edges(tree: Tree) -> Iterator[tuple[str, str]]:
    """Return head's part of speech, and dependent's with its relation and side, of every edge."""
    for position, token in enumerate(tree, 1):
        head = tree[token.head - 1].upos if token.head else "ROOT"
        yield head, f"{token.upos} {relation(token)} {'left' if position < token.head else 'right'}"


class TreeLikelihood:
    """Mean of minus the log-probability of an edge given its head, smoothed by 0.1."""

    def __init__(self, trees: Sequence[Tree]) -> None:
        self._edges = Counter(edge for tree in trees for edge in edges(tree))
        self._heads = Counter(head for tree in trees for head, _ in edges(tree))

    def __call__(self, tree: Tree) -> float:
        logs = [math.log((self._edges[edge] + 0.1) / (self._heads[edge[0]] + 0.1 * _KINDS)) for edge in edges(tree)]
        return -sum(logs) / max(len(logs), 1)


def clashes(feature: str) -> Callable[[Tree], float]:
    """Return what counts the modifiers whose value of a feature is not their noun's."""

    def count(tree: Tree) -> float:
        found = 0
        for token in tree:
            if token.head and relation(token) in ("det", "amod"):
                own, by = (set(word.feats.get(feature, "").split(",")) - {""} for word in (token, tree[token.head - 1]))
                found += bool(own and by and not own & by)
        return float(found)

    return count


def finite(token: Token) -> bool:
    return token.feats.get("VerbForm") == "Fin"


def verb_second(tree: Tree) -> float:
    """Return how many constituents too many or too few stand before the finite verb; 2 without such a verb."""
    root = next((position for position, token in enumerate(tree, 1) if token.head == 0), 0)
    # The root may be what stands before the verb: "Lærer er han".
    verbs = [
        position
        for position, token in enumerate(tree, 1)
        if finite(token) and (position == root or (token.head == root and relation(token) in ("aux", "cop")))
    ]
    if not verbs:
        return 2.0
    ignored = ("punct", "cc", "mark", "discourse")
    before = [(p, t) for p, t in enumerate(tree[: min(verbs) - 1], 1) if t.head == root or p == root]
    return abs(sum(relation(token) not in ignored for _, token in before) - 1.0)


def share(test: Callable[[Token], bool]) -> Callable[[Tree], float]:
    return lambda tree: sum(map(test, tree)) / max(len(tree), 1)


def main(judge: str, counted: str, test: str) -> None:
    train, held = read_treebank(counted), read_treebank(test)
    known = {word.form.lower() for sentence in train for word in sentence.words}
    signals: dict[str, Callable[[Tree], float]] = {
        "likelihood of the tree": TreeLikelihood([sentence.words for sentence in train]),
        "verb second": verb_second,
        "finite verbs": lambda tree: -share(finite)(tree),
        **{f"clashes of {feature}": clashes(feature) for feature in ("Gender", "Number", "Definite", "Case")},
        "unknown words": share(lambda t: t.form[:1].isalpha() and t.form.lower() not in known),
        "dep, X": share(lambda t: relation(t) == "dep" or t.upos == "X"),
        "words": len,
    }
    damaged = [Damaged(p.good, p.bad, f"ScaLA {p.corruption}") for p in build_pairs(held, PAIRS, SEED)]
    damaged += agreement_errors(held, PAIRS, SEED)
    texts = sorted({text for pair in damaged for text in (pair.good, pair.bad)})
    parsed = SpacyParser(load_spacy(judge)).parse(texts)
    trees = {text: [sentence.tokens for sentence in found] for text, found in zip(texts, parsed, strict=True)}
    kinds = list(dict.fromkeys(pair.kind for pair in damaged))
    print(f"{'':24}" + "".join(f"{kind:>15}" for kind in kinds))
    for name, signal in signals.items():
        areas = []
        for kind in kinds:
            some = [pair for pair in damaged if pair.kind == kind]
            # Where the parser took one for two, the worse.
            bad, good = ([max(map(signal, trees[getattr(p, side)])) for p in some] for side in ("bad", "good"))
            areas.append(auroc(bad, good))
        print(f"{name:24}" + "".join(f"{float(area):15.3f}" for area in areas))


if __name__ == "__main__":
    main(*sys.argv[1:4])
