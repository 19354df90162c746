"""From a parsed sentence to its verdict: the one definition that all parsers share.

**Passing** (the judged unit of the method). A sentence parses when it has

* a *verbal root*: the root is ``VERB`` or ``AUX``, or has a ``cop`` or ``aux`` child of any subtype (UD makes
  "lærer" the root of "Han er lærer"), and
* a *subject*: a child of that root whose relation is ``nsubj``, ``nsubj:pass``, ``csubj``, ``csubj:pass`` or
  ``expl``. Other subtypes do not count: ``expl:pv`` marks a reflexive.

A text parses when it has a sentence and every sentence parses.

**Quality** is ours; the rule ``grammar`` adds what raw text tells. It uses nothing but the UD parse, so every parser
can be asked for it. A sentence that passes has

    quality = (finite + one_subject + resolved + length + closed) / 5

with each component in [0, 1] and n the number of words, that is of tokens that are not ``PUNCT``:

* ``finite``: 1 when the root or one of its ``aux`` and ``cop`` children is finite, that is has ``VerbForm=Fin``, or no
  ``VerbForm`` and a ``Mood``; else 0;
* ``one_subject``: 1 when the root has exactly one ``nsubj`` or ``csubj`` child of any subtype, or, having
  none of them, exactly one ``expl``; else 0.5;
* ``resolved``: share of the n words whose relation is not ``dep`` and whose part of speech is not ``X``;
* ``length``: n / 8 up to 8 words, so that three words do not win; 1 up to 40; then falling linearly to 0
  at 80;
* ``closed``: half for an end in ``. ! ? …``, quotes and brackets after it allowed; half for a beginning with
  an upper-case letter, a digit, an opening quote, or the dash that opens direct speech.

``one_subject`` is at least 0.5, so a sentence that passes has at least 0.1. One that does not pass has 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Literal

from saga_core.judges.verdict import Sentence, SentenceVerdict, Token, Verdict

Unit = Literal["all_sentences", "first_sentence"]

NO_VERBAL_ROOT = "no verbal root"
NO_SUBJECT = "no subject"

# Relations that make a subject; ``expl:pv`` marks a reflexive.
SUBJECTS = frozenset({"nsubj", "nsubj:pass", "csubj", "csubj:pass", "expl"})

_FULL_LENGTH = 8
_LONG = 40
_TOO_LONG = 80
_END = re.compile(r"""[.!?…]["'”’“‘»«)\]}]*$""")
_START = re.compile(r"""["'”’“‘„‚»«–—-]""")


def text_lines(text: str) -> list[str]:
    """Split a text at its line breaks, which no sentence crosses, and make its white space single spaces.

    All parsers get their lines from here: stray white space would make tokens in one and none in the other.

    Args:
        text: Any text.

    Returns:
        The lines that hold more than white space, in order.
    """
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def judge_sentence(sentence: Sentence) -> SentenceVerdict:
    """Judge one parsed sentence by the rules at the head of this module.

    Args:
        sentence: Its text and tokens; the first token with head 0 is the root.

    Returns:
        The verdict, with the reasons in the order verbal root, subject.
    """
    position = next((i for i, token in enumerate(sentence.tokens, 1) if token.head == 0), None)
    root = sentence.tokens[position - 1] if position is not None else None
    children = [token for token in sentence.tokens if position is not None and token.head == position]
    reasons = []
    if root is None or not _is_verbal(root, children):
        reasons.append(NO_VERBAL_ROOT)
    if not any(child.deprel in SUBJECTS for child in children):
        reasons.append(NO_SUBJECT)
    components = _components(sentence, root, children)
    return SentenceVerdict(
        text=sentence.text,
        passed=not reasons,
        quality=0.0 if reasons else fmean(components.values()),
        reasons=tuple(reasons),
        components=components,
        tokens=sentence.tokens,
    )


def judge_sentences(sentences: Iterable[Sentence], unit: Unit) -> Verdict:
    """Judge a text by its parsed sentences.

    Args:
        sentences: The sentences in order; one without a letter or digit is passed over.
        unit: ``all_sentences``, or ``first_sentence`` to judge that one alone.

    Returns:
        The verdict; a text without a sentence does not pass.
    """
    worded = [s for s in sentences if has_word(s.text)]
    return whole_text([judge_sentence(s) for s in (worded[:1] if unit == "first_sentence" else worded)])


def has_word(text: str) -> bool:
    """Say whether a sentence has a letter or digit; one that has none is passed over."""
    return any(char.isalnum() for char in text)


def whole_text(judged: Sequence[SentenceVerdict]) -> Verdict:
    """Return the verdict on a text whose sentences were judged: it passes when there is one and all of them pass."""
    passed = bool(judged) and all(verdict.passed for verdict in judged)
    return Verdict(passed, fmean(verdict.quality for verdict in judged) if passed else 0.0, tuple(judged))


def is_finite(verb: Token) -> bool:
    """Say whether a verb is finite: ``VerbForm=Fin``, or a mood where the treebank, as the Faroese, gives no form."""
    form = verb.feats.get("VerbForm")
    return "Mood" in verb.feats if form is None else "Fin" in form.split(",")


def _base(token: Token) -> str:
    return token.deprel.partition(":")[0]


def _is_verbal(root: Token, children: list[Token]) -> bool:
    return root.upos in ("VERB", "AUX") or any(_base(child) in ("aux", "cop") for child in children)


def _components(sentence: Sentence, root: Token | None, children: list[Token]) -> Mapping[str, float]:
    words = [token for token in sentence.tokens if token.upos != "PUNCT"]
    verbs = [root, *(c for c in children if _base(c) in ("aux", "cop"))] if root is not None else []
    unresolved = sum(token.upos == "X" or _base(token) == "dep" for token in words)
    return {
        "finite": float(any(map(is_finite, verbs))),
        "one_subject": 1.0 if _subjects(children) == 1 else 0.5,
        "resolved": 1.0 - unresolved / len(words) if words else 0.0,
        "length": length(len(words)),
        "closed": closed(sentence.text),
    }


def _subjects(children: list[Token]) -> int:
    relations = [_base(child) for child in children]
    # The "det" of "Det er viktig å lese" stands in for a csubj: a whole sentence, not one with two subjects.
    return sum(relation in ("nsubj", "csubj") for relation in relations) or relations.count("expl")


def length(words: int) -> float:
    """Return the component ``length`` of a sentence of so many words."""
    if words <= _LONG:
        return min(words / _FULL_LENGTH, 1.0)
    return max((_TOO_LONG - words) / (_TOO_LONG - _LONG), 0.0)


def closed(text: str) -> float:
    """Return the component ``closed`` of a sentence."""
    text = text.strip()
    begins = bool(text) and (text[0].isupper() or text[0].isdigit() or _START.match(text) is not None)
    return 0.5 * begins + 0.5 * (_END.search(text) is not None)
