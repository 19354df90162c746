"""Learning what is no sentence, from text, from a treebank, or from both."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import spacy
from spacy.tokens import Doc

from saga_core.corpus.treebank import TreebankSentence
from saga_core.errors import UserError
from saga_core.judges.agreement import learn_agreement
from saga_core.judges.grammar_model import Doubter, GrammarModel
from saga_core.judges.paradigms import Tagging, feats_of, wrong_forms
from saga_core.judges.protocol import UDParser
from saga_core.judges.repetition import rarity
from saga_core.judges.rules import has_word
from saga_core.judges.slip_text import LEAST_WORDS, MOST_HELD_OUT, MOST_WORDS, SlipText, evenly
from saga_core.judges.slip_training import lexicon_of, train_slips
from saga_core.judges.trained_pipeline import spacy_language
from saga_core.judges.usual import usual
from saga_core.judges.verdict import Sentence
from saga_core.progress import Tick, progress

# Enough for the class of nearly every word that is met again.
_PARSED = 60_000
# Fewer sentences are shown twice. Not more often: what is learned of them in the third pass is they themselves.
_FEW = 200_000
# Beside a text the sentences of a treebank, which are of other genres, stand in for more.
_COPIES = 3
_TOGETHER = 500
_LEAST_HELD_OUT = 10
# Real sentences are lost in this share, and of another genre more; so little that these keep within three points in
# Norwegian (docs/judges.md). Of what has also learned from a treebank, those of another genre are lost little oftener.
_LEAST_WORDING, _LEAST_OF_MORE_GENRES = 0.01, 0.02


@dataclass(frozen=True)
class TrainedGrammar:
    """What has been learned.

    Attributes:
        model: It.
        auroc: How often a held-out sentence with a slip is more doubtful to the model of slips than one without.
        heldout: Sentences by which it knows how much doubt is usual.
    """

    model: GrammarModel
    auroc: float
    heldout: int


def divide(
    text: SlipText | None, train: Sequence[TreebankSentence], dev: Sequence[TreebankSentence]
) -> tuple[dict[str, None], dict[str, None], list[str]]:
    """Return the sentences to learn from, of the text and of the treebank, and those that are held out.

    Raises:
        UserError: There is no sentence to learn from, or fewer than ten to hold out.
    """
    own, own_dev = (
        dict.fromkeys(sentence.text for sentence in part if LEAST_WORDS <= len(sentence.forms) <= MOST_WORDS)
        for part in (train, dev)
    )
    read = dict.fromkeys(text.train if text else ())
    # With a text it is the text's sentences that tell: a treebank's are of more genres, and so few would decide.
    apart = text.heldout if text else evenly(list(own_dev), MOST_HELD_OUT)
    # What is learned from would not tell what is usual.
    heldout = [sentence for sentence in apart if sentence not in read and sentence not in own]
    if not (read or own) or len(heldout) < _LEAST_HELD_OUT:
        what = f"{len(read) + len(own)} sentences of {LEAST_WORDS} words or more, {len(heldout)} held out, are too few"
        raise UserError(what, "the treebank", "give more of them, or a text")
    return read, own, heldout


def learn_grammar(
    text: SlipText | None,
    parser: UDParser,
    train: Sequence[TreebankSentence],
    dev: Sequence[TreebankSentence],
    language: str,
    seed: int,
) -> TrainedGrammar:
    """Learn slips, agreement, repetition, and how much doubt is usual.

    Args:
        text: Sentences.
        parser: The judge's. Parses 60,000 of them, and what is held out.
        train: Of a treebank: its sentences, their trees and the forms of its words are learned from; may be empty.
        dev: Of the same, held out where there is no text.
        language: Code of the language.
        seed: Of the training.

    Raises:
        UserError: There is no sentence to learn from, or fewer than ten to hold out.
    """
    read, own, heldout = divide(text, train, dev)
    tokenizer = spacy.blank(spacy_language(language)).tokenizer
    with progress("cutting into tokens", len(read) + len(own) + len(heldout), "sentences") as tick:
        cut, cut_own, cut_heldout = (list(_words(part, tokenizer, tick)) for part in (read, own, heldout))
    counts = Counter(word.lower() for sentence in (*cut, *cut_own) for word in sentence)
    parsed = _parsed(parser, evenly(list(read), _PARSED))
    trees = [*(sentence.tokens for sentence in parsed), *(sentence.words for sentence in train)]
    agreement = learn_agreement(trees)
    tagged: list[list[Tagging]] = [[(t.form, t.upos, feats_of(t.feats)) for t in tree] for tree in trees]
    del trees
    lexicon, forms = lexicon_of(tagged, counts), wrong_forms(tagged, train)
    repetition = rarity((*cut, *cut_own))
    passes = 2 if len(cut) + len(cut_own) < _FEW else 1
    cut += cut_own * (_COPIES if cut and passes == 1 else 1)
    with progress("learning what is no sentence", passes * len(cut), "sentences") as tick:
        slips = train_slips(cut, cut_heldout, lexicon, forms, language, passes, seed, tick)
    doubter = Doubter(slips.model, agreement, repetition)
    # As the judge will see them, which may take one for two.
    seen = (sentence for sentence in _parsed(parser, heldout) if has_word(sentence.text))
    doubts = [doubter.about(sentence.text, sentence.tokens).value for sentence in seen]
    least = _LEAST_OF_MORE_GENRES if read and own else _LEAST_WORDING
    return TrainedGrammar(GrammarModel(doubter, usual(doubts), least), slips.auroc, len(doubts))


def _words(texts: Iterable[str], tokenizer: Callable[[str], Doc], tick: Tick) -> Iterator[list[str]]:
    for text in texts:
        # One string a word, not one for each time that it is met.
        yield [sys.intern(token.text) for token in tokenizer(text)]
        tick()


def _parsed(parser: UDParser, texts: Sequence[str]) -> Iterator[Sentence]:
    with progress("parsing", len(texts), "sentences") as tick:
        for start in range(0, len(texts), _TOGETHER):
            part = texts[start : start + _TOGETHER]
            for sentences in parser.parse(part):
                yield from sentences
            tick(len(part))
