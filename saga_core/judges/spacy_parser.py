"""The spaCy parser: a pipeline package or folder whose parser was trained on Universal Dependencies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span

from saga_core.errors import UserError
from saga_core.judges.rules import text_lines
from saga_core.judges.verdict import Sentence, Token

# Components that no rule reads; names that a pipeline lacks are ignored.
_UNUSED = ("ner", "lemmatizer", "trainable_lemmatizer")
_BATCH = 64
_PROBE = "Han leser en bok."


class SpacyParser:
    """Parses by a spaCy pipeline, many lines at once: none changes what another becomes.

    Args:
        nlp: A pipeline with a dependency parser and a tagger of parts of speech.
    """

    def __init__(self, nlp: Language) -> None:
        self._nlp = nlp

    def parse(self, texts: Sequence[str]) -> Iterator[list[Sentence]]:
        """Parse texts; see ``UDParser.parse``."""
        lines = [text_lines(text) for text in texts]
        docs = self._nlp.pipe((line for of_text in lines for line in of_text), batch_size=_BATCH)
        for of_text in lines:
            yield [sentence for _ in of_text for sentence in _sentences(next(docs))]


def load_spacy(model: str) -> Language:
    """Load a released pipeline.

    Args:
        model: Name of an installed package, or a folder that ``spacy.load`` reads.

    Raises:
        UserError: There is no such model, or it has no dependency parser or no tagger of parts of speech.
    """
    where = f"spaCy model {model}"
    try:
        nlp = spacy.load(model, exclude=_UNUSED)
    except Exception as error:
        # A damaged or foreign package makes spaCy raise anything, and all of it means one thing to the user.
        is_path = Path(model).name != model or Path(model).exists()
        remedy = "give a folder that spacy.load reads" if is_path else f"run: python -m spacy download {model}"
        raise UserError(f"it cannot be loaded ({error})", where, remedy) from error
    probe = nlp(_PROBE)
    for attribute, what in (("DEP", "dependency parser"), ("POS", "tagger of parts of speech")):
        if not probe.has_annotation(attribute):
            raise UserError(f"the pipeline has no {what}", where, "choose one trained on Universal Dependencies")
    return nlp


def _sentences(doc: Doc) -> Iterator[Sentence]:
    for span in doc.sents:
        yield Sentence(span.text, tuple(_tokens(span)))


def _tokens(span: Span) -> Iterator[Token]:
    for token in span:
        is_root = token.head.i == token.i or not span.start <= token.head.i < span.end
        yield Token(
            form=token.text,
            upos=token.pos_ or "X",
            feats=token.morph.to_dict(),
            head=0 if is_root else token.head.i - span.start + 1,
            deprel="root" if is_root else token.dep_,
        )
