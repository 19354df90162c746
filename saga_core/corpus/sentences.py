"""Cleaning documents and cutting them into the sentences that are worth learning from."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.language import Language

_CONTROL = re.compile(r"[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028\u2029\u2060\ufeff]")
_SPACES = re.compile(r"[^\S\n]+")
_MARKUP = re.compile(r"https?://|www\.|[<>{}|=\\^~*#]|\[\d")
_ENDS = re.compile(r"[.!?…][»”’\"')\]]*$")
_LEAST_LETTERS = 0.75


def clean(text: str) -> str:
    """Normalise a document: NFC, no control characters, single spaces, no empty lines."""
    text = _CONTROL.sub("", unicodedata.normalize("NFC", text.replace("\r", "\n")))
    lines = (_SPACES.sub(" ", line).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def split_sentences(text: str, language: str) -> list[str]:
    """Cut a text into sentences with spaCy's rule-based splitter; a new line always begins a sentence."""
    splitter = _splitter(language)
    sentences = (sentence.text.strip() for line in text.split("\n") for sentence in splitter(line).sents)
    return [sentence for sentence in sentences if sentence]


@cache
def _splitter(language: str) -> Language:
    # spaCy takes a second to import: only who splits pays.
    import spacy

    # The exceptions for abbreviations, where spaCy has the language's.
    splitter = spacy.blank(language if find_spec(f"spacy.lang.{language}") else "xx")
    # The bound is meant for parsers, whose memory grows with the text.
    splitter.max_length = sys.maxsize
    splitter.add_pipe("sentencizer", config={"punct_chars": [".", "!", "?", "…"]})
    return splitter


def good_sentences(text: str, language: str, min_words: int, max_words: int) -> Iterator[str]:
    """Yield a document's sentences that are whole, plain and of a fair length.

    Args:
        text: A cleaned document.
        language: Language code, for the splitter's exceptions.
        min_words: Fewest words.
        max_words: Most words.
    """
    for sentence in split_sentences(text, language):
        letters = sum(c.isalpha() or c.isspace() for c in sentence)
        if (
            min_words <= len(sentence.split()) <= max_words
            and (sentence[0].isupper() or sentence[0] in '«“"')
            and _ENDS.search(sentence)
            and not _MARKUP.search(sentence)
            and letters >= _LEAST_LETTERS * len(sentence)
        ):
            yield sentence
