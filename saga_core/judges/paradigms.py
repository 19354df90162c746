"""Other forms of a word that are wrong in its place, from a treebank's lemmas and from text that a parser has tagged.

Two forms are of one word where a treebank gives them the same lemma. Where there is none, two words of one part of
speech are taken for it when they differ by a pair of endings, and of features, by which many others differ: *fin* and
*fint* as *stor* and *stort*. Closed words need no ending: *en* and *et* differ in nothing but their gender.

One is wrong in the place of the other where they differ in a feature that the sentence demands: a modifier's gender,
number, definiteness or case, a pronoun's case, whether a verb is finite. A present instead of a past is as good a
sentence.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from saga_core.corpus.treebank import NO_LEMMA, TreebankSentence

# Word, part of speech and features (``A=x|B=y``).
Tagging = tuple[str, str, str]

# What a sentence demands of each part of speech, and of a possessive, whichever it is.
_AGREES = frozenset({"Gender", "Number", "Definite", "Case"})
_FINITE = frozenset({"VerbForm", "Person", "Number"})
_DEMANDED: Mapping[str, frozenset[str]] = {
    "ADJ": _AGREES,
    "DET": _AGREES,
    "PRON": frozenset({"Case"}),
    "VERB": _FINITE,
    "AUX": _FINITE,
}
_CLOSED = frozenset({"DET", "PRON"})
_SHORTEST_STEM, _LONGEST_ENDING = 3, 4
# Pairs of words that differ by a pair of endings, for these to be forms of one word each.
_LEAST_ALIKE = 10
# A tag that a word has more seldom than this is taken for an error of the parser.
_LEAST_SHARE = 0.05
# Times that a word has been seen, for a closed part of speech to have it.
_LEAST_CLOSED = 10

# Features of a word, each with its values; a word may have more than one reading.
_Reading = Mapping[str, frozenset[str]]
_Readings = frozenset[str]


def wrong_forms(
    tagged: Iterable[Sequence[Tagging]], treebank: Iterable[TreebankSentence]
) -> dict[str, tuple[str, ...]]:
    """Return for each word, in lower case, its other forms that are wrong where it stands.

    Args:
        tagged: Sentences without lemmas.
        treebank: Sentences with them; may be empty, or have none.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for one, other in (*_guessed(tagged), *_by_lemma(treebank)):
        found[one].add(other)
        found[other].add(one)
    return {word: tuple(sorted(others)) for word, others in sorted(found.items())}


def _by_lemma(treebank: Iterable[TreebankSentence]) -> Iterator[tuple[str, str]]:
    forms: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for sentence in treebank:
        for word, lemma in zip(sentence.words, sentence.lemmas, strict=True):
            if word.upos in _DEMANDED and lemma != NO_LEMMA:
                forms[lemma, word.upos][word.form.lower()].add(feats_of(word.feats))
    for (_, upos), together in forms.items():
        for one, other in combinations(sorted(together), 2):
            if _wrong(upos, frozenset(together[one]), frozenset(together[other])):
                yield one, other


def _guessed(tagged: Iterable[Sequence[Tagging]]) -> Iterator[tuple[str, str]]:
    counts: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for sentence in tagged:
        for form, upos, feats in sentence:
            counts[form.lower()][upos, feats] += 1
    words: dict[str, dict[str, _Readings]] = defaultdict(dict)
    for word, found in sorted(counts.items()):
        by_upos: Counter[str] = Counter()
        for (of, _), n in found.items():
            by_upos[of] += n
        upos = min(by_upos, key=lambda of: (-by_upos[of], of))
        often = {feats for (of, feats), n in found.items() if of == upos and n >= _LEAST_SHARE * found.total()}
        if upos in _DEMANDED and often and (upos not in _CLOSED or found.total() >= _LEAST_CLOSED):
            words[upos][word] = frozenset(often)
    for upos in sorted(words):
        yield from _closed(upos, words[upos]) if upos in _CLOSED else _inflected(upos, words[upos])


def _closed(upos: str, words: Mapping[str, _Readings]) -> Iterator[tuple[str, str]]:
    """Return words that differ in nothing else than what the sentence demands."""
    alike: dict[frozenset[str], list[str]] = defaultdict(list)
    for word, readings in words.items():
        alike[frozenset(_rest(upos, feats) for feats in readings)].append(word)
    for together in alike.values():
        for one, other in combinations(together, 2):
            if _wrong(upos, words[one], words[other]):
                yield one, other


def _inflected(upos: str, words: Mapping[str, _Readings]) -> Iterator[tuple[str, str]]:
    by_stem: dict[str, list[str]] = defaultdict(list)
    for word in words:
        for letters in range(min(_LONGEST_ENDING, len(word) - _SHORTEST_STEM) + 1):
            by_stem[word[: len(word) - letters]].append(word)
    by_endings: dict[tuple[str, str, _Readings, _Readings], list[tuple[str, str]]] = defaultdict(list)
    for stem, together in by_stem.items():
        for one, other in combinations(together, 2):
            endings = one[len(stem) :], other[len(stem) :]
            # Each pair once, with the longest stem.
            if endings[0][:1] != endings[1][:1] and _wrong(upos, words[one], words[other]):
                by_endings[(*endings, words[one], words[other])].append((one, other))
    for pairs in by_endings.values():
        if len(pairs) >= _LEAST_ALIKE:
            yield from pairs


def _wrong(upos: str, one: _Readings, other: _Readings) -> bool:
    """Return whether no reading of the one is the right form where one of the other is."""
    return all(_clash(upos, first, second) for first in one for second in other)


def _clash(upos: str, one: str, other: str) -> bool:
    first, second = _parsed(one), _parsed(other)
    # A feature that one of them does not have tells nothing.
    demanded = _demanded(upos, first) & _demanded(upos, second)
    return any(first[n].isdisjoint(second[n]) for n in demanded & first.keys() & second.keys())


def _demanded(upos: str, reading: _Reading) -> frozenset[str]:
    return _AGREES if "Poss" in reading else _DEMANDED[upos]


def _rest(upos: str, feats: str) -> str:
    reading = _parsed(feats)
    return "|".join(f"{n}={sorted(v)}" for n, v in reading.items() if n not in _demanded(upos, reading))


def _parsed(feats: str) -> _Reading:
    pairs = (pair.partition("=") for pair in feats.split("|") if pair)
    reading = {name: frozenset(value.split(",")) for name, _, value in pairs}
    # Where a treebank gives finite verbs no form of their own, it is their mood that tells.
    return {"VerbForm": frozenset({"Fin"}), **reading} if "Mood" in reading else reading


def feats_of(feats: Mapping[str, str]) -> str:
    """Return features as CoNLL-U writes them, in order of their names; nothing where there are none."""
    return "|".join(f"{name}={value}" for name, value in sorted(feats.items()))
