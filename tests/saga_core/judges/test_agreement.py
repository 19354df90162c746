"""What trees of real text hardly have is learned from them, and found in others."""

from __future__ import annotations

import random

import pytest

from saga_core.judges.agreement import LEAST_SURPRISE, Agreement, learn_agreement
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


def test_what_is_never_met_clashes_and_what_is_usual_does_not(agreement: Agreement) -> None:
    assert not any(agreement.flaws(tree) for tree in REAL)
    (flaw,) = agreement.flaws(phrase("et", "Neut", "mann", "Masc"))
    assert flaw.reason == "'et' and 'mann' seem not to agree in Gender"
    assert flaw.doubt >= LEAST_SURPRISE / 4
    # A value that was never counted says nothing.
    assert agreement.flaws(phrase("den", "Com", "mann", "Masc")) == []


def test_a_clause_must_be_finite_where_all_others_are(agreement: Agreement) -> None:
    *start, verb = REAL[0]
    bare = (*start, Token("sove", "VERB", {"VerbForm": "Inf"}, 0, "root"))
    (flaw,) = agreement.flaws(bare)
    assert flaw.reason == "the clause of 'sove' seems to have no finite verb"
    helped = (*bare, Token("skal", "AUX", {"VerbForm": "Fin"}, 3, "aux"))
    assert agreement.flaws(helped) == []
    no_subject = (Token("sove", "VERB", {"VerbForm": "Inf"}, 0, "root"),)
    assert agreement.flaws(no_subject) == []
    assert verb.deprel in agreement.finite


def test_a_language_that_may_leave_the_finite_verb_out_may(agreement: Agreement) -> None:
    left_out = (*REAL[0][:2], Token("sovit", "VERB", {"VerbForm": "Sup"}, 0, "root"))
    assert learn_agreement([*[REAL[0]] * 90, *[left_out] * 10]).flaws(left_out) == []
    # Nor do a few clauses tell.
    assert learn_agreement([REAL[0]] * 49).flaws(left_out) == []


def test_the_worst_comes_first(agreement: Agreement) -> None:
    det, noun, _ = phrase("et", "Neut", "mann", "Masc")
    both = agreement.flaws((det, noun, Token("sove", "VERB", {"VerbForm": "Inf"}, 0, "root")))
    assert [flaw.doubt for flaw in both] == sorted((flaw.doubt for flaw in both), reverse=True)
    assert len(both) == 2


def test_nothing_is_learned_from_nothing_and_an_odd_tree_does_no_harm(agreement: Agreement) -> None:
    assert learn_agreement([]).flaws(REAL[0]) == []
    assert agreement.flaws(()) == []
    alone = (Token("en", "DET", {"Gender": "Masc"}, 1, "det"),)
    assert agreement.flaws(alone) == []
