"""What trees of real text hardly have is learned from them, and found in others."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from saga_core.judges.agreement import LEAST_SURPRISE, Agreement, Flaw, learn_agreement
from saga_core.judges.verdict import Token


def phrase(det: str, gender: str, noun: str, of: str) -> tuple[Token, ...]:
    """Return "det noun sover", a clause with a finite verb."""
    return (
        Token(det, "DET", {"Gender": gender}, 2, "det"),
        Token(noun, "NOUN", {"Gender": of, "Number": "Sing"}, 3, "nsubj"),
        Token("sover", "VERB", {"VerbForm": "Fin"}, 0, "root"),
    )


REAL = (
    phrase("en", "Masc", "mann", "Masc"),
    # As Bokmål has it.
    phrase("en", "Masc", "jente", "Fem"),
    phrase("ei", "Fem", "jente", "Fem"),
    phrase("et", "Neut", "hus", "Neut"),
)


@pytest.fixture(scope="module")
def agreement() -> Agreement:
    rng = random.Random(0)
    return learn_agreement([rng.choice(REAL) for _ in range(2_000)])


def flaws(agreement: Agreement, tree: Sequence[Token]) -> list[Flaw]:
    return list(agreement.flaws(tree))


def test_what_is_never_met_clashes_and_what_is_usual_does_not(agreement: Agreement) -> None:
    assert not any(flaws(agreement, tree) for tree in REAL)
    (flaw,) = flaws(agreement, phrase("et", "Neut", "mann", "Masc"))
    assert flaw.reason == "'et' and 'mann' seem not to agree in Gender"
    assert flaw.doubt >= LEAST_SURPRISE / 4
    # A value that was never counted says nothing, nor does one that may be two.
    assert flaws(agreement, phrase("den", "Com", "mann", "Masc")) == []
    assert flaws(agreement, phrase("et", "Fem,Neut", "mann", "Masc")) == []


def test_what_may_be_chance_is_no_clash() -> None:
    rng = random.Random(1)
    genders = ("Masc", "Fem", "Neut")
    for _ in range(20):
        alike = [phrase("x", rng.choice(genders), "y", rng.choice(genders)) for _ in range(200)]
        assert learn_agreement(alike).surprise == {}


def test_a_clause_must_be_finite_where_all_others_are(agreement: Agreement) -> None:
    bare = (*REAL[0][:2], Token("sove", "VERB", {"VerbForm": "Inf"}, 0, "root"))
    (flaw,) = flaws(agreement, bare)
    assert flaw.reason == "the clause of 'sove' seems to have no finite verb"
    helped = (*bare, Token("skal", "AUX", {"VerbForm": "Fin"}, 3, "aux"))
    assert flaws(agreement, helped) == []
    no_subject = (Token("sove", "VERB", {"VerbForm": "Inf"}, 0, "root"),)
    assert flaws(agreement, no_subject) == []
    reflexive = (Token("seg", "PRON", {}, 2, "expl:pv"), Token("sove", "VERB", {"VerbForm": "Inf"}, 0, "root"))
    assert flaws(agreement, reflexive) == []


@pytest.mark.parametrize(("without", "of", "lacking"), [(6, 250, 0), (3, 250, 0), (3, 2_000, 1)])
def test_a_language_that_may_leave_the_finite_verb_out_may(without: int, of: int, lacking: int) -> None:
    supine = (*REAL[0][:2], Token("sovit", "VERB", {"VerbForm": "Sup"}, 0, "root"))
    infinitive = (*REAL[0][:2], Token("sova", "VERB", {"VerbForm": "Inf"}, 0, "root"))
    learned = learn_agreement([*[REAL[0]] * (of - without), *[supine] * without])
    # In Swedish subordinate clauses it is two or three of a hundred; of the same clauses no infinitive stands alone.
    assert len(flaws(learned, supine)) == lacking
    assert len(flaws(learned, infinitive)) == 1


def test_a_few_clauses_do_not_tell() -> None:
    bare = (*REAL[0][:2], Token("sove", "VERB", {"VerbForm": "Inf"}, 0, "root"))
    assert flaws(learn_agreement([REAL[0]] * 100), bare) == []


def test_where_the_treebank_gives_no_form_the_mood_tells() -> None:
    finite = (*REAL[0][:2], Token("svevur", "VERB", {"Mood": "Ind"}, 0, "root"))
    bare = (*REAL[0][:2], Token("sova", "VERB", {"VerbForm": "Inf"}, 0, "root"))
    learned = learn_agreement([finite] * 400)
    assert flaws(learned, finite) == []
    assert len(flaws(learned, bare)) == 1


def test_nothing_is_learned_from_nothing_and_an_odd_tree_does_no_harm(agreement: Agreement) -> None:
    assert flaws(learn_agreement([]), REAL[0]) == []
    assert flaws(agreement, ()) == []
    alone = (Token("en", "DET", {"Gender": "Masc"}, 1, "det"),)
    assert flaws(agreement, alone) == []
