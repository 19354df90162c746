"""The spaCy judge: a pipeline package or folder whose parser was trained on Universal Dependencies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span

from saga_core.errors import StageError, UserError
from saga_core.judges.rules import Unit, judge_sentences, text_lines
from saga_core.judges.verdict import Sentence, Token, Verdict
from saga_core.progress import Tick

# Components that no rule reads; names that a pipeline lacks are ignored.
_UNUSED = ("ner", "lemmatizer", "trainable_lemmatizer")
_BATCH = 64
_PROBE = "Han leser en bok."


class SpacyJudge:
    """Judges texts by a spaCy pipeline.

    Args:
        model: Name of an installed package, or a folder that ``spacy.load`` reads.
        unit: Whether all sentences of a text are judged or the first alone.
        workers: Processes to judge with; each loads the model, so it takes thousands of texts to pay.

    Raises:
        UserError: There is no such model, or it has no dependency parser or no tagger of parts of speech.
    """

    def __init__(self, model: str, unit: Unit, workers: int = 1) -> None:
        self._model, self._unit, self._workers = model, unit, workers
        self._nlp = _load(model)

    def judge(self, texts: Sequence[str], tick: Tick) -> list[Verdict]:
        """Judge texts; see ``Judge.judge``.

        Raises:
            StageError: A worker process died.
        """
        if self._workers == 1 or len(texts) <= _BATCH:
            return list(_ticking(self._judged(texts), tick))
        batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
        try:
            spread = (verdict for batch in self._pool.map(_judge_in_worker, batches) for verdict in batch)
            return list(_ticking(spread, tick))
        except BrokenProcessPool as error:
            raise StageError(
                "a process of the judge died", f"spaCy model {self._model}", "lower runtime.workers"
            ) from error

    def parse(self, text: str) -> list[list[Token]]:
        """Parse one text into the tokens of its sentences, line by line."""
        return [list(s.tokens) for doc in self._nlp.pipe(text_lines(text)) for s in _sentences(doc)]

    def _judged(self, texts: Sequence[str]) -> Iterator[Verdict]:
        lines = [text_lines(text) for text in texts]
        docs = self._nlp.pipe((line for of_text in lines for line in of_text), batch_size=_BATCH)
        for of_text in lines:
            sentences = [sentence for _ in of_text for sentence in _sentences(next(docs))]
            yield judge_sentences(sentences, self._unit)

    @cached_property
    def _pool(self) -> ProcessPoolExecutor:
        # Not spaCy's n_process: reading its Docs back costs this process more than parsing them. Not fork: it
        # would copy the locks of whatever threads the caller runs.
        return ProcessPoolExecutor(
            self._workers, get_context("spawn"), initializer=_start_worker, initargs=(self._model, self._unit)
        )


_worker: SpacyJudge


def _start_worker(model: str, unit: Unit) -> None:
    global _worker
    _worker = SpacyJudge(model, unit)


def _judge_in_worker(texts: Sequence[str]) -> list[Verdict]:
    return list(_worker._judged(texts))


def _ticking(verdicts: Iterator[Verdict], tick: Tick) -> Iterator[Verdict]:
    for verdict in verdicts:
        yield verdict
        tick(1)


def _load(model: str) -> Language:
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
