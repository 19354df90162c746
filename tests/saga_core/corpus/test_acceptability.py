from __future__ import annotations

from saga_core.corpus.acceptability import deletable, flippable


def test_modifiers_marks_and_one_of_two_nouns_stay() -> None:
    assert deletable(["PRON", "VERB", "DET", "ADJ", "NOUN", "ADV", "PUNCT"]) == [0, 1, 4]
    assert deletable(["PROPN", "NOUN", "VERB", "NOUN", "ADP"]) == [2, 3, 4]
    assert deletable([]) == deletable(["PUNCT"]) == []


def test_neighbours_of_one_kind_a_mark_or_a_question_are_not_flipped() -> None:
    assert flippable(["PRON", "AUX", "VERB", "VERB", "NOUN", "PUNCT"]) == [1, 3]
    assert flippable(["AUX", "PRON"]) == flippable(["NOUN"]) == flippable([]) == []
