"""From text and a treebank to what the model of slips is trained on: tokens, and how they are tagged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import spacy
from spacy.tokens import Doc

from saga_core.corpus.sentences import clean, good_sentences
from saga_core.corpus.sources import read_documents
from saga_core.corpus.treebank import TreebankSentence
from saga_core.errors import UserError
from saga_core.judges.paradigms import Tagging, feats_of, wrong_forms
from saga_core.judges.protocol import UDParser
from saga_core.judges.slip_training import TrainedSlips, lexicon_of, train_slips
from saga_core.judges.trained_pipeline import spacy_language
from saga_core.outside import Outside
from saga_core.progress import Tick, progress
from saga_core.recipe import TextSource

# Some minutes of one core.
MOST_SENTENCES = 600_000
# Enough for the class of nearly every word that is met again.
_TAGGED = 60_000
# Fewer sentences are shown twice. Not more often: what is learned of them in the third pass is they themselves.
_FEW = 200_000
# Beside a text the sentences of a treebank, which are of other genres, stand in for more.
_COPIES = 3
_LEAST_WORDS, _MOST_WORDS = 4, 60
_APART, _MOST_HELD_OUT = 10, 2_000
_LEAST, _LEAST_HELD_OUT = 500, 50
_TOGETHER = 500


@dataclass(frozen=True)
class SlipText:
    """Whole sentences of a language.

    Attributes:
        train: What the model learns from, each once.
        heldout: Of other documents: they tell what is usual.
    """

    train: tuple[str, ...]
    heldout: tuple[str, ...]


def read_slip_text(path: Path, language: str) -> SlipText:
    """Read the whole sentences of a file of documents; every tenth document is held out, until 2,000 sentences are.

    Args:
        path: JSON Lines with ``text``, or plain text.
        language: Code of the language.

    Raises:
        UserError: The file cannot be read, or has too few sentences.
    """
    train: dict[str, None] = {}
    heldout: dict[str, None] = {}
    with progress("reading text", None, "sentences") as tick:
        for number, document in enumerate(read_documents(TextSource(path=str(path)), Outside({}, str(path)), 0)):
            sentences = good_sentences(clean(document), language, _LEAST_WORDS, _MOST_WORDS)
            kept = heldout if number % _APART == _APART - 1 and len(heldout) < _MOST_HELD_OUT else train
            for sentence in sentences:
                kept[sentence] = None
                tick()
            if len(train) >= MOST_SENTENCES:
                break
    apart = tuple(sentence for sentence in heldout if sentence not in train)
    if len(train) < _LEAST or len(apart) < _LEAST_HELD_OUT:
        what = f"{len(train)} whole sentences, and {len(apart)} of every tenth document, are too few to learn from"
        raise UserError(what, f"judge.text {path}", f"give {_LEAST:,} and {_LEAST_HELD_OUT} or more")
    return SlipText(tuple(train), apart)


def learn_slips(
    text: SlipText | None,
    parser: UDParser,
    train: Sequence[TreebankSentence],
    dev: Sequence[TreebankSentence],
    language: str,
    seed: int,
) -> TrainedSlips:
    """Train the model of slips from a text, from a treebank, or from both.

    Args:
        text: Sentences.
        parser: Tags the first 60,000 of them.
        train: Of a treebank: its sentences, their tags and the forms of its words are learned from; may be empty.
        dev: Of the same, held out.
        language: Code of the language.
        seed: Of the training.

    Raises:
        UserError: There is no text, and the treebank has no sentence to learn from or to hold out.
    """
    tokenizer = spacy.blank(spacy_language(language)).tokenizer
    own, own_dev = (
        [sentence.text for sentence in part if _LEAST_WORDS <= len(sentence.forms) <= _MOST_WORDS]
        for part in (train, dev)
    )
    known = set(own)
    # What is learned from would not tell what is usual.
    own_heldout = [sentence for sentence in dict.fromkeys(own_dev) if sentence not in known]
    texts = (*text.train, *own * _COPIES) if text else tuple(own)
    heldout = (*(text.heldout if text else ()), *own_heldout[:_MOST_HELD_OUT])
    if not texts or not heldout:
        what = f"train and dev have {len(own)} and {len(own_heldout)} sentences of {_LEAST_WORDS} words or more"
        raise UserError(what, "the treebank", "give more of them")
    with progress("cutting into tokens", len(texts) + len(heldout), "sentences") as tick:
        cut, cut_heldout = (list(_tokens(part, tokenizer, tick)) for part in (texts, heldout))
    words = Counter(token.lower() for sentence in cut for token in sentence)
    tagged = [*(_tagged(parser, text.train[:_TAGGED]) if text else ()), *map(_gold, train)]
    lexicon = lexicon_of(tagged, words)
    passes = 2 if len(cut) < _FEW else 1
    with progress("learning what is no sentence", passes * len(cut), "sentences") as tick:
        return train_slips(cut, cut_heldout, lexicon, wrong_forms(tagged, train), language, passes, seed, tick)


def _tokens(texts: Sequence[str], tokenizer: Callable[[str], Doc], tick: Tick) -> Iterator[list[str]]:
    for text in texts:
        yield [token.text for token in tokenizer(text)]
        tick()


def _tagged(parser: UDParser, texts: Sequence[str]) -> Iterator[list[Tagging]]:
    with progress("tagging", len(texts), "sentences") as tick:
        for start in range(0, len(texts), _TOGETHER):
            part = texts[start : start + _TOGETHER]
            for sentences in parser.parse(part):
                for sentence in sentences:
                    yield [(token.form, token.upos, feats_of(token.feats)) for token in sentence.tokens]
            tick(len(part))


def _gold(sentence: TreebankSentence) -> list[Tagging]:
    return [(word.form, word.upos, feats_of(word.feats)) for word in sentence.words]
