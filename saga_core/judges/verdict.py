"""What a parser says of a text: its words with their relations, and the judgement that follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Token:
    """A syntactic word of a sentence, in the terms of Universal Dependencies.

    Attributes:
        form: The word as written.
        upos: Universal part of speech; ``X`` where the parser gave none.
        feats: Morphological features, such as ``{"VerbForm": "Fin"}``.
        head: Position of the head in the sentence, counted from 1; 0 for the root.
        deprel: Relation to the head, with its subtype: ``nsubj:pass``.
    """

    form: str
    upos: str
    feats: Mapping[str, str]
    head: int
    deprel: str


@dataclass(frozen=True)
class Sentence:
    """A parsed sentence: its text, and its tokens in their order."""

    text: str
    tokens: tuple[Token, ...]


@dataclass(frozen=True)
class SentenceVerdict:
    """The judgement of one sentence.

    Attributes:
        text: The sentence.
        passed: Whether it has a verbal root and a subject, and by the rule ``grammar`` is worded like real text.
        quality: In [0, 1]; by the rule ``saga`` 0 for a sentence that did not pass.
        reasons: Why it did not pass; empty when it did.
        components: What the quality is made of, each in [0, 1]; there for a failed sentence too.
        tokens: Its tree; empty where the judge makes none of Universal Dependencies.
    """

    text: str
    passed: bool
    quality: float
    reasons: tuple[str, ...]
    components: Mapping[str, float]
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The judgement of a text.

    Attributes:
        passed: Whether there is a sentence and every judged sentence passed.
        quality: Mean quality of the judged sentences in (0, 1] when passed, else 0.
        sentences: The judged sentences in their order.
    """

    passed: bool
    quality: float
    sentences: tuple[SentenceVerdict, ...]
