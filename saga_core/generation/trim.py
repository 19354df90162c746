"""Cutting a continuation after its last complete sentence."""

from __future__ import annotations

import re
from functools import cache

import spacy
from spacy.language import Language
from spacy.tokens import Span

_TERMINAL = re.compile(r"[.!?…]+")
# What may stand between a sentence's end mark and its end.
_CLOSERS = frozenset("\"'”’»“‘›)]}")


def trim_to_complete(prompt: str, continuation: str, language: str) -> str:
    """Return the longest start of a continuation that ends with a complete sentence.

    A sentence is complete when it ends in ``. ! ? …`` (and closing quotes or brackets), by the rules of
    spaCy's sentencizer and the language's tokenizer, so an abbreviation's full stop ends none; or when a line
    break ends it, because there the writer stopped.

    Args:
        prompt: Text before the continuation; its last sentence may go on in the continuation.
        continuation: Text to cut.
        language: Language code that spaCy knows, such as ``nb``; others get the rules common to all.

    Returns:
        A prefix of ``continuation``; empty where no sentence ends in it. Trimming it again changes nothing.
    """
    while True:
        end = _complete_end(prompt + continuation, language) - len(prompt)
        kept = continuation[: max(end, 0)]
        if not kept.strip():
            return ""
        # A word may be tokenised otherwise once what followed it is cut, so repeat until nothing changes.
        if kept == continuation:
            return kept
        continuation = kept


def _complete_end(text: str, language: str) -> int:
    """Return where the last complete sentence of a text ends, 0 where there is none."""
    line = text.rfind("\n") + 1
    if end := _last_sentence_end(text[line:], language):
        return line + end
    written = text[:line].rstrip()
    if not written:
        return 0
    last_line = written[written.rfind("\n") + 1 :]
    if _last_sentence_end(last_line, language) == len(last_line):
        return len(written)
    # A line such as a headline is complete by its line break alone.
    return text.index("\n", len(written)) + 1


def _last_sentence_end(line: str, language: str) -> int:
    """Return where the last sentence with an end mark ends in a line, 0 where there is none."""
    ends = [_marked_end(sentence) for sentence in _sentencizer(language)(line).sents]
    return max(ends, default=0)


def _marked_end(sentence: Span) -> int:
    text = sentence.doc.text
    for token in reversed(sentence):
        if _TERMINAL.fullmatch(token.text):
            end = int(token.idx) + len(token)
            while end < len(text) and text[end] in _CLOSERS:
                end += 1
            return end
        # The sentencizer leaves the opening quote or dash of the next sentence with this one.
        if not (token.is_punct or token.is_space):
            return 0
    return 0


@cache
def _sentencizer(language: str) -> Language:
    try:
        nlp = spacy.blank(language)
    except ImportError:
        nlp = spacy.blank("xx")
    nlp.add_pipe("sentencizer")
    return nlp
