"""What no sentence is, is learned from a treebank and its parser; held-out sentences tell what is usual."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from small_parsers import SPACY

from saga_core.corpus.treebank import TreebankSentence, read_treebank
from saga_core.demo import DEMO_TEXT
from saga_core.errors import UserError
from saga_core.judges.grammar_model import GrammarModel
from saga_core.judges.grammar_training import TrainedGrammar, learn_grammar
from saga_core.judges.protocol import UDParser, load_parser
from saga_core.judges.slip_text import SlipText
from saga_core.judges.usual import usual
from saga_core.judges.verdict import Sentence


class Noting:
    """The demo's parser, which notes what it is asked and what it answers."""

    def __init__(self, parser: UDParser) -> None:
        self._parser = parser
        self.asked: list[str] = []
        self.answered: list[Sentence] = []

    def parse(self, texts: Sequence[str]) -> Iterator[list[Sentence]]:
        self.asked += texts
        for found in self._parser.parse(texts):
            self.answered += found
            yield found


@pytest.fixture(scope="module")
def treebank() -> list[TreebankSentence]:
    return read_treebank(DEMO_TEXT / "articles.conllu")


@pytest.fixture(scope="module")
def parser() -> Noting:
    return Noting(load_parser(SPACY, "nb"))


@pytest.fixture(scope="module")
def learned(treebank: list[TreebankSentence], parser: Noting) -> TrainedGrammar:
    return learn_grammar(None, parser, treebank[:900], treebank[900:960], "nb", 0)


def test_a_treebank_alone_teaches_it(learned: TrainedGrammar, treebank: list[TreebankSentence], parser: Noting) -> None:
    assert learned.auroc > 0.55
    assert "root" in learned.model.doubter.agreement.finite
    # Its trees are gold: the parser is asked about held-out sentences alone.
    assert set(parser.asked) <= {sentence.text for sentence in treebank[900:960]}

    def shuffled(text: str) -> str:
        *words, end = text.split()
        random.Random(text).shuffle(words)
        return " ".join([*words, end])

    unseen = [sentence.text for sentence in treebank[960:1060]]
    real, mixed = ([doubt(learned.model, text) for text in some] for some in (unseen, map(shuffled, unseen)))
    assert np.median(mixed) > np.quantile(real, 0.9)


def doubt(model: GrammarModel, text: str) -> float:
    return model.doubter.about(text, ()).value


def test_usual_is_the_doubt_about_sentences_as_the_parser_sees_them(learned: TrainedGrammar, parser: Noting) -> None:
    doubts = [learned.model.doubter.about(sentence.text, sentence.tokens).value for sentence in parser.answered]
    assert learned.model.usual == usual(doubts)
    assert learned.heldout == len(doubts)
    assert learned.model.least_wording == 0.01


def test_what_is_in_train_too_is_not_held_out(treebank: list[TreebankSentence], parser: Noting) -> None:
    with pytest.raises(UserError, match="0 held out, are too few"):
        learn_grammar(None, parser, treebank[:50], treebank[:50], "nb", 0)


def test_beside_a_treebank_it_is_the_text_that_tells_what_is_usual(treebank: list[TreebankSentence]) -> None:
    parser = Noting(load_parser(SPACY, "nb"))
    text = SlipText(
        tuple(sentence.text for sentence in treebank[:300]), tuple(sentence.text for sentence in treebank[300:360])
    )
    made = learn_grammar(text, parser, treebank[360:400], treebank[400:420], "nb", 0)
    assert parser.asked == [*text.train, *text.heldout]
    assert made.model.doubter.repetition > 5
    assert made.model.least_wording == 0.02
