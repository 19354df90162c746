"""The model of slips: what it learns, what it says, and that it is the same wherever it is asked."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from toy_language import VERBS, toy_sentences

from saga_core.errors import UserError
from saga_core.judges.slip_training import lexicon_of, train_slips
from saga_core.judges.slips import FACTS, LABELS, WEIGHTS, SlipModel, load_slips, save_slips


def label(model: SlipModel, text: str) -> tuple[int, str]:
    """Return the gap that is most doubtful, and what is said of it."""
    logs = model.look(text.split()).logs
    gap = int(logs[:, 0].argmin())
    return gap, LABELS[1 + int(logs[gap, 1:].argmax())]


def test_it_finds_where_a_word_is_missing_and_where_two_are_flipped(slips: SlipModel) -> None:
    assert label(slips, "en gutt hver hest .") == (2, "missing")
    assert label(slips, "en gutt hver ser hest .") == (3, "order")


def test_the_same_text_and_seed_make_the_same_model(slips: SlipModel) -> None:
    text = toy_sentences(600, 4)
    first, second = (
        train_slips(text, text[:100], slips.lexicon, {}, "nb", 1, 7, lambda done=1: None).model for _ in range(2)
    )
    assert all(np.array_equal(first.weights[name], second.weights[name]) for name in first.weights)


def test_what_is_read_back_says_the_same(slips: SlipModel, tmp_path: Path) -> None:
    save_slips(slips, tmp_path)
    again = load_slips(tmp_path)
    some = [*toy_sentences(20, 5), ["Ukjent", "ord", "😀"], []]
    for sentence in some:
        first, second = slips.look(sentence), again.look(sentence)
        assert np.array_equal(first.logs, second.logs)
        assert first.wrong == second.wrong
    (tmp_path / WEIGHTS).write_bytes((tmp_path / WEIGHTS).read_bytes()[:50])
    with pytest.raises(UserError, match="cannot be read"):
        load_slips(tmp_path)
    (tmp_path / FACTS).write_text("[]", encoding="utf-8")
    with pytest.raises(UserError, match="cannot be read"):
        load_slips(tmp_path)


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
