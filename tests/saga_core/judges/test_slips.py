"""The model of slips: what it learns, what it says, and that it is the same wherever it is asked."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from saga_core.errors import UserError
from saga_core.judges.grammar import LEAST_WORDING, GrammarJudge
from saga_core.judges.rules import whole_text
from saga_core.judges.slip_sources import read_slip_text
from saga_core.judges.slip_training import lexicon_of, train_slips
from saga_core.judges.slips import FACTS, LABELS, WEIGHTS, SlipModel, load_slips, save_slips
from saga_core.judges.verdict import SentenceVerdict, Verdict
from saga_core.progress import Tick
from saga_core.recipe import SftSettings

# A language of one kind of sentence: whoever has seen it knows what is none.
DETS, NOUNS, VERBS, ENDS = ("en", "hver"), ("gutt", "hest", "hund", "mann"), ("ser", "liker", "finner"), (".", "!")


def sentences(n: int, seed: int) -> list[list[str]]:
    rng = random.Random(seed)
    parts = (DETS, NOUNS, VERBS, DETS, NOUNS, ENDS)
    return [[rng.choice(part) for part in parts] for _ in range(n)]


@pytest.fixture(scope="module")
def model() -> SlipModel:
    text = sentences(4_000, 0)
    tags = {**dict.fromkeys(DETS, "DET"), **dict.fromkeys(NOUNS, "NOUN"), **dict.fromkeys(VERBS, "VERB")}
    tagged = [[(word, tags.get(word, "PUNCT"), "") for word in sentence] for sentence in text[:200]]
    words = Counter(word for sentence in text for word in sentence)
    ticks: list[int] = []
    made = train_slips(
        text, sentences(400, 9), lexicon_of(tagged, words), {}, "nb", 2, 0, lambda done=1: ticks.append(done)
    )
    assert sum(ticks) == 8_000
    assert made.auroc > 0.9
    return made.model


def label(model: SlipModel, text: str) -> tuple[int, str]:
    """Return the gap that is most doubtful, and what is said of it."""
    logs = model.look(text.split()).logs
    gap = int(logs[:, 0].argmin())
    return gap, LABELS[1 + int(logs[gap, 1:].argmax())]


def test_it_finds_where_a_word_is_missing_and_where_two_are_flipped(model: SlipModel) -> None:
    assert label(model, "en gutt hver hest .") == (2, "missing")
    assert label(model, "en gutt hver ser hest .") == (3, "order")


def test_real_sentences_are_less_doubtful_than_others(model: SlipModel) -> None:
    real = [model.look(sentence).doubt for sentence in sentences(200, 1)]
    mixed = []
    for sentence in sentences(200, 2):
        *words, end = sentence
        random.Random(str(sentence)).shuffle(words)
        mixed.append([*words, end])
    ruined = [model.look(sentence).doubt for sentence in mixed]
    assert np.mean([model.wording(value) >= LEAST_WORDING for value in real]) > 0.9
    assert np.mean([model.wording(value) >= LEAST_WORDING for value in ruined]) < 0.2


def test_the_same_text_and_seed_make_the_same_model(model: SlipModel) -> None:
    text = sentences(600, 4)
    first, second = (
        train_slips(text, text[:100], model.lexicon, {}, "nb", 1, 7, lambda done=1: None).model for _ in range(2)
    )
    assert all(np.array_equal(first.weights[name], second.weights[name]) for name in first.weights)
    assert first.usual == second.usual


def test_what_is_read_back_says_the_same(model: SlipModel, tmp_path: Path) -> None:
    save_slips(model, tmp_path)
    again = load_slips(tmp_path)
    some = [*sentences(20, 5), ["Ukjent", "ord", "😀"], []]
    for sentence in some:
        first, second = model.look(sentence), again.look(sentence)
        assert np.array_equal(first.logs, second.logs)
        assert first.wrong == second.wrong
    assert again.usual == model.usual
    (tmp_path / WEIGHTS).write_bytes((tmp_path / WEIGHTS).read_bytes()[:50])
    with pytest.raises(UserError, match="cannot be read"):
        load_slips(tmp_path)
    (tmp_path / FACTS).write_text("[]", encoding="utf-8")
    with pytest.raises(UserError, match="cannot be read"):
        load_slips(tmp_path)


def test_too_little_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Hun leser boka hver dag.\n\nHan ser henne i morgen.\n", encoding="utf-8")
    with pytest.raises(UserError, match="are too few to learn from"):
        read_slip_text(path, "nb")


def test_what_is_held_out_is_of_other_documents_and_in_no_other_part(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    texts = [" ".join(f"Hund nummer {n} ser {m} katter ute." for m in range(8)) for n in range(100)]
    # One document stands twice, once of them held out.
    rows = [json.dumps({"text": text}) for text in [*texts, *texts[9:10]]]
    path.write_text("\n".join(rows), encoding="utf-8")
    text = read_slip_text(path, "nb")
    assert not set(text.train) & set(text.heldout)
    assert (len(text.train), len(text.heldout)) == (91 * 8, 9 * 8)


def test_a_wrong_form_is_learned() -> None:
    rng = random.Random(0)
    phrases = (("en", "gutt"), ("en", "hest"), ("et", "hus"), ("et", "tre"))
    text = [[*rng.choice(phrases), rng.choice(VERBS), *rng.choice(phrases), "."] for _ in range(4_000)]
    tags = {"en": "DET", "et": "DET", "gutt": "NOUN", "hest": "NOUN", "hus": "NOUN", "tre": "NOUN"}
    tagged = [[(word, tags.get(word, "VERB" if word in VERBS else "PUNCT"), "") for word in s] for s in text[:100]]
    lexicon = lexicon_of(tagged, Counter(word for sentence in text for word in sentence))
    # Of a word that the text does not have it learns nothing.
    wrong = {"en": ("et",), "et": ("eitt", "en")}
    made = train_slips(text, text[:100], lexicon, wrong, "nb", 2, 0, lambda done=1: None).model
    assert label(made, "et gutt ser en hest .") == (0, "form")
    assert label(made, "en gutt ser en hus .") == (3, "form")


def test_a_word_that_is_not_known_is_classed_by_its_ending() -> None:
    nouns = [[(f"{stem}ingen", "NOUN", "Definite=Def")] * 2 for stem in ("regn", "maur", "fest", "hand")]
    verbs = [[(f"{stem}er", "VERB", "")] * 2 for stem in ("regn", "fest", "hand", "les")]
    once = [[("lesingen", "PROPN", "")]]
    lexicon = lexicon_of([*nouns, *verbs, *once], {})
    assert lexicon.class_of("tegningen") == "NOUN|Definite=Def"
    assert lexicon.class_of("skriver") == "VERB|"
    # One that was met once is no more than an ending says.
    assert lexicon.class_of("lesingen") == "NOUN|Definite=Def"
    assert lexicon.class_of("2026") is None
    assert lexicon.class_of("xyz") is None


class Lenient:
    """Passes everything, as a parser nearly does."""

    def judge(self, texts: list[str], tick: Tick) -> list[Verdict]:
        return [whole_text([SentenceVerdict(text, True, 1.0, (), {"closed": 1.0})]) for text in texts]


def test_the_rule_grammar_refuses_what_no_text_has_and_says_why(model: SlipModel) -> None:
    judge = GrammarJudge(Lenient(), model)
    good, bad = judge.judge(["En gutt ser en hest.", "Gutt hest en ser en."], lambda done=1: None)
    assert good.passed
    assert not bad.passed
    (sentence,) = bad.sentences
    assert "seem" in sentence.reasons[0]
    assert 0 <= sentence.components["wording"] < LEAST_WORDING
    assert bad.quality == 0 < sentence.quality < good.quality


def test_most_real_sentences_are_good_enough_to_learn_from(model: SlipModel) -> None:
    texts = [" ".join(words[:-1]).capitalize() + words[-1] for words in sentences(200, 11)]
    judged = GrammarJudge(Lenient(), model).judge(texts, lambda done=1: None)
    assert np.mean([verdict.quality >= SftSettings().min_quality for verdict in judged]) > 0.75
