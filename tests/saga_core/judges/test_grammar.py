"""The rule grammar: what it refuses, what it says, and how it rates real sentences."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from toy_language import toy_sentences, written

from saga_core.errors import UserError
from saga_core.judges.agreement import Agreement
from saga_core.judges.grammar import GrammarJudge
from saga_core.judges.grammar_model import FACTS, Doubter, GrammarModel, load_grammar, save_grammar
from saga_core.judges.rules import whole_text
from saga_core.judges.slips import SlipModel
from saga_core.judges.usual import Usual, usual
from saga_core.judges.verdict import SentenceVerdict, Token, Verdict
from saga_core.progress import Tick
from saga_core.recipe import SftSettings

# A tree that real text hardly has, whatever the sentence.
BAD_TREE = (
    Token("et", "DET", {"Gender": "Neut"}, 2, "det"),
    Token("gutt", "NOUN", {"Gender": "Masc"}, 3, "nsubj"),
    Token("se", "VERB", {"VerbForm": "Inf"}, 0, "root"),
)


class Lenient:
    """Passes everything, as a parser nearly does."""

    def __init__(self, tokens: tuple[Token, ...] = ()) -> None:
        self._tokens = tokens

    def judge(self, texts: list[str], tick: Tick) -> list[Verdict]:
        return [whole_text([SentenceVerdict(t, True, 1.0, (), {"closed": 1.0}, self._tokens)]) for t in texts]


@pytest.fixture(scope="module")
def model(slips: SlipModel) -> GrammarModel:
    agreement = Agreement({("DET", "Gender", "Neut", "Masc"): 2.0}, {"root": frozenset()})
    doubter = Doubter(slips, agreement, 7.0)
    return GrammarModel(doubter, usual([doubter.about(written(s), ()).value for s in toy_sentences(400, 9)]), 0.01)


def judged(model: GrammarModel, texts: list[str], tree: tuple[Token, ...] = ()) -> list[Verdict]:
    return GrammarJudge(Lenient(tree), model).judge(texts, lambda done=1: None)


def test_real_sentences_pass_and_mixed_ones_do_not(model: GrammarModel) -> None:
    real = [written(sentence) for sentence in toy_sentences(200, 1)]
    mixed = []
    for sentence in toy_sentences(200, 2):
        *words, end = sentence
        random.Random(str(sentence)).shuffle(words)
        mixed.append(written([*words, end]))
    assert np.mean([verdict.passed for verdict in judged(model, real)]) > 0.9
    assert np.mean([verdict.passed for verdict in judged(model, mixed)]) < 0.2


def test_what_no_text_has_is_refused_and_told_why(model: GrammarModel) -> None:
    good, bad = judged(model, ["En gutt ser en hest.", "Gutt hest en ser en."])
    assert good.passed
    assert not bad.passed
    (sentence,) = bad.sentences
    assert "seem" in sentence.reasons[0]
    assert 0 <= sentence.components["wording"] < model.least_wording
    assert bad.quality == 0 < sentence.quality < good.quality


def test_a_tree_that_no_text_has_makes_a_sentence_more_doubtful(model: GrammarModel) -> None:
    text = "En gutt ser en hest."
    (good,), (bad,) = (judged(model, [text], tree)[0].sentences for tree in ((), BAD_TREE))
    assert good.components["flawless"] == 1.0
    # One for the clause, a quarter of the surprise for the gender.
    assert bad.components["flawless"] == pytest.approx(np.exp(-1.5))
    assert bad.quality < good.quality
    (sentence,) = judged(model, ["Gutt hest en ser en."], BAD_TREE)[0].sentences
    assert sentence.reasons[0] == "the clause of 'se' seems to have no finite verb"
    assert sentence.reasons[1] == "'et' and 'gutt' seem not to agree in Gender"


def test_what_is_said_twice_is_refused(model: GrammarModel) -> None:
    (sentence,) = judged(model, ["En gutt ser en hest en hest."])[0].sentences
    assert not sentence.passed
    assert sentence.reasons[0] == "'en hest' is said twice in a row"


def test_only_what_is_likely_is_named(model: GrammarModel) -> None:
    # Nothing is wrong between its words.
    lenient = GrammarModel(model.doubter, Usual((-99.0,), 0.001, 1.0), 0.01)
    (sentence,) = judged(lenient, ["En gutt ser en hest."], BAD_TREE)[0].sentences
    assert not sentence.passed
    assert sentence.reasons == (
        "the clause of 'se' seems to have no finite verb",
        "'et' and 'gutt' seem not to agree in Gender",
    )
    (sentence,) = judged(lenient, ["En gutt ser en hest."])[0].sentences
    assert len(sentence.reasons) == 1


def test_most_real_sentences_are_good_enough_to_learn_from(model: GrammarModel) -> None:
    verdicts = judged(model, [written(sentence) for sentence in toy_sentences(200, 11)])
    assert np.mean([verdict.quality >= SftSettings().min_quality for verdict in verdicts]) > 0.75


def test_what_is_read_back_judges_the_same(model: GrammarModel, tmp_path: Path) -> None:
    save_grammar(model, tmp_path)
    again = load_grammar(tmp_path)
    texts = [written(sentence) for sentence in toy_sentences(20, 3)]
    assert judged(again, texts, BAD_TREE) == judged(model, texts, BAD_TREE)
    (tmp_path / FACTS).write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="cannot be read"):
        load_grammar(tmp_path)
