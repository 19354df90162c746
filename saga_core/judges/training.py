"""Training a judge: from a UD treebank to a spaCy pipeline with the scores that its card states."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.training.converters import conllu_to_docs
from spacy.training.initialize import init_nlp
from spacy.training.loop import train

from saga_core.corpus.treebank import TreebankSentence, read_treebank
from saga_core.corpus.treebank_files import Part
from saga_core.errors import UserError
from saga_core.judges.trained_pipeline import configuration
from saga_core.progress import Tick

# Sentences of a document: with several, the parser learns where one ends.
_TOGETHER = 10
# Parts in ten of a treebank that comes without parts of its own.
_DEV, _TEST = 8, 9
_LEAST = 100
# Steps after which the dev part is looked at.
_LOOK = 200
_LOGGER = "saga.Ticks.v1"

_SCORES = {"uas": "dep_uas", "las": "dep_las", "upos": "pos_acc", "feats": "morph_acc", "sentences": "sents_f"}


@dataclass(frozen=True)
class Parts:
    """A treebank, cut for training.

    Attributes:
        train: What is learned.
        dev: Decides at which step the training stops.
        test: What the scores are of.
    """

    train: Sequence[TreebankSentence]
    dev: Sequence[TreebankSentence]
    test: Sequence[TreebankSentence]


@dataclass(frozen=True)
class Trained:
    """A trained pipeline.

    Attributes:
        nlp: The pipeline.
        scores: ``uas``, ``las``, ``upos``, ``feats`` and ``sentences`` (F1) in [0, 1], on the test part from its raw
            text.
        steps: How many steps the training took.
    """

    nlp: Language
    scores: dict[str, float]
    steps: int


def read_parts(files: Mapping[Part, Path]) -> Parts:
    """Read a treebank; parts that it does not have are cut from its training part.

    Raises:
        UserError: A file is no CoNLL-U, with the line; or there are too few sentences.
    """
    read = {part: read_treebank(path) for part, path in files.items()}
    where = str(files["train"])
    if len(read["train"]) < _LEAST:
        raise UserError(
            f"{len(read['train'])} sentences are too few to train a parser", where, f"give {_LEAST} or more"
        )
    whole = cut(read["train"], dev="dev" not in read, test="test" not in read)
    return Parts(whole.train, read.get("dev", whole.dev), read.get("test", whole.test))


def cut(sentences: Sequence[TreebankSentence], *, dev: bool, test: bool) -> Parts:
    """Cut the training part: of every hundred sentences in a row the ninth ten for dev, the last for test, as asked.

    Neighbours, which are often of one text, mostly stay together.
    """
    parts: tuple[list[TreebankSentence], ...] = ([], [], [])
    for start in range(0, len(sentences), _TOGETHER):
        tenth = start // _TOGETHER % 10
        place = 1 if dev and tenth == _DEV else 2 if test and tenth == _TEST else 0
        parts[place].extend(sentences[start : start + _TOGETHER])
    return Parts(*parts)


def train_pipeline(parts: Parts, language: str, max_steps: int, seed: int, tick: Tick) -> Trained:
    """Train tok2vec, morphologizer and parser with spaCy's own loop, which stops when the dev part gains no more.

    Args:
        parts: The treebank.
        language: Code of the language.
        max_steps: Most batches of up to 1,000 words; two or more.
        seed: Of weights, order and dropout.
        tick: Called after every step; there may be fewer than ``max_steps``.
    """
    steps = 0

    def logger() -> Callable[..., Any]:
        def count(info: Mapping[str, Any] | None) -> None:
            nonlocal steps
            steps += 1
            tick(1)

        return lambda nlp, stdout, stderr: (count, lambda: None)

    # The loop tells of its steps to nobody else.
    spacy.registry.loggers.register(_LOGGER, func=logger)
    with tempfile.TemporaryDirectory() as name:
        folder, config = Path(name), configuration(language)
        for part in ("train", "dev"):
            DocBin(docs=_documents(getattr(parts, part))).to_disk(folder / f"{part}.spacy")
            config["paths"][part] = str(folder / f"{part}.spacy")
        # The loop does one step more than it is told, and takes the best of those at which it looks.
        last = max_steps - 1
        config["training"] |= {"max_steps": last, "eval_frequency": min(_LOOK, last), "seed": seed}
        config["training"]["logger"] = {"@loggers": _LOGGER}
        config["system"]["seed"] = seed
        train(init_nlp(config), folder, stdout=io.StringIO(), stderr=io.StringIO())
        best = spacy.load(folder / "model-best")
    return Trained(best, scores(best, parts.test), steps)


def scores(nlp: Language, sentences: Sequence[TreebankSentence]) -> dict[str, float]:
    """Score a pipeline on sentences, from their raw text: what it does to the tokens counts too."""
    # Both documents of an example need one vocabulary.
    gold = DocBin(docs=_documents(sentences)).get_docs(nlp.vocab)
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in gold]
    found: dict[str, Any] = nlp.evaluate(examples)
    return {name: float(found[key] or 0.0) for name, key in _SCORES.items()}


def _documents(sentences: Sequence[TreebankSentence]) -> Iterator[Doc]:
    text = "\n\n".join(sentence.conllu for sentence in sentences) + "\n\n"
    # A multiword token is one word, as the tokenizer sees it.
    docs: Iterator[Doc] = conllu_to_docs(text, n_sents=_TOGETHER, merge_subtokens=True, no_print=True)
    return docs
