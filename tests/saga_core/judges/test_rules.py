from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saga_core.judges.rules import NO_SUBJECT, NO_VERBAL_ROOT, judge_sentence, judge_sentences, text_lines
from saga_core.judges.verdict import Sentence, Token


def tree(rows: str, text: str | None = None) -> Sentence:
    """Read a small tree: a word a line, as FORM UPOS FEATS HEAD DEPREL."""
    tokens = []
    for row in rows.strip().splitlines():
        form, upos, feats, head, deprel = row.split()
        pairs = {} if feats == "_" else dict(pair.split("=") for pair in feats.split("|"))
        tokens.append(Token(form, upos, pairs, int(head), deprel))
    return Sentence(text or " ".join(token.form for token in tokens), tuple(tokens))


VERB_ROOT = """
    Hun    PRON  _                 2 nsubj
    leser  VERB  Mood=Ind|VerbForm=Fin 0 root
    boka   NOUN  _                 2 obj
    .      PUNCT _                 2 punct
"""
COPULA = """
    Han    PRON  _            3 nsubj
    er     AUX   VerbForm=Fin 3 cop
    lærer  NOUN  _            0 root
    .      PUNCT _            3 punct
"""
PASSIVE = """
    Boka   NOUN  _             3 nsubj:pass
    ble    AUX   VerbForm=Fin  3 aux:pass
    lest   ADJ   VerbForm=Part 0 root
    .      PUNCT _             3 punct
"""
EXPLETIVE = """
    Det    PRON  _            2 expl
    regner VERB  VerbForm=Fin 0 root
    .      PUNCT _            2 punct
"""
EXTRAPOSED = """
    Det    PRON  _            3 expl
    er     AUX   VerbForm=Fin 3 cop
    viktig ADJ   _            0 root
    å      PART  _            5 mark
    lese   VERB  VerbForm=Inf 3 csubj
    .      PUNCT _            3 punct
"""
HEADLINE = """
    Stor   ADJ   _ 2 amod
    seier  NOUN  _ 0 root
    i      ADP   _ 4 case
    går    NOUN  _ 2 nmod
"""
IMPERATIVE = """
    Les    VERB  Mood=Imp|VerbForm=Fin 0 root
    boka   NOUN  _ 1 obj
    !      PUNCT _ 1 punct
"""
REFLEXIVE = """
    Tenk   VERB  VerbForm=Fin 0 root
    deg    PRON  _            1 expl:pv
    om     ADP   _            1 compound:prt
    !      PUNCT _            1 punct
"""
SUBJECT_OF_ANOTHER = """
    Fordi  SCONJ _            3 mark
    hun    PRON  _            3 nsubj
    kom    VERB  VerbForm=Fin 4 advcl
    gikk   VERB  VerbForm=Fin 0 root
    .      PUNCT _            4 punct
"""


@pytest.mark.parametrize("rows", [VERB_ROOT, COPULA, PASSIVE, EXPLETIVE, EXTRAPOSED])
def test_a_sentence_with_verbal_root_and_subject_passes(rows: str) -> None:
    verdict = judge_sentence(tree(rows))
    assert verdict.passed
    assert verdict.reasons == ()
    assert 0 < verdict.quality <= 1


@pytest.mark.parametrize(
    ("rows", "reasons"),
    [
        (HEADLINE, (NO_VERBAL_ROOT, NO_SUBJECT)),
        (IMPERATIVE, (NO_SUBJECT,)),
        (REFLEXIVE, (NO_SUBJECT,)),
        (SUBJECT_OF_ANOTHER, (NO_SUBJECT,)),
        ("Han PRON _ 2 nsubj\n lærer NOUN _ 0 root", (NO_VERBAL_ROOT,)),
        ("Han PRON _ 2 nsubj\n leser VERB _ 1 root", (NO_VERBAL_ROOT, NO_SUBJECT)),
    ],
)
def test_a_sentence_that_fails_says_why(rows: str, reasons: tuple[str, ...]) -> None:
    verdict = judge_sentence(tree(rows))
    assert not verdict.passed
    assert verdict.reasons == reasons
    assert verdict.quality == 0


@pytest.mark.parametrize("rows", [VERB_ROOT, COPULA, PASSIVE, EXPLETIVE, EXTRAPOSED])
def test_a_flawless_short_sentence_loses_by_its_length_alone(rows: str) -> None:
    sentence = tree(rows)
    verdict = judge_sentence(sentence)
    words = sum(token.upos != "PUNCT" for token in sentence.tokens)
    assert verdict.components == {
        "finite": 1,
        "one_subject": 1,
        "resolved": 1,
        "length": words / 8,
        "closed": 1,
    }
    assert verdict.quality == pytest.approx((4 + words / 8) / 5)


def test_two_subjects_count_half() -> None:
    rows = VERB_ROOT.replace("2 obj", "2 nsubj:outer")
    assert judge_sentence(tree(rows)).components["one_subject"] == 0.5
    assert judge_sentence(tree(EXPLETIVE + "det PRON _ 2 expl")).components["one_subject"] == 0.5


def test_a_root_without_a_finite_verb_is_not_finite() -> None:
    rows = PASSIVE.replace("VerbForm=Fin", "VerbForm=Inf")
    verdict = judge_sentence(tree(rows))
    assert verdict.passed
    assert verdict.components["finite"] == 0
    both = VERB_ROOT.replace("VerbForm=Fin", "VerbForm=Fin,Inf")
    assert judge_sentence(tree(both)).components["finite"] == 1


def test_words_that_the_parser_could_not_place_are_unresolved() -> None:
    rows = VERB_ROOT.replace("2 obj", "2 dep")
    assert judge_sentence(tree(rows)).components["resolved"] == pytest.approx(2 / 3)
    rows = VERB_ROOT.replace("boka   NOUN", "boka X")
    assert judge_sentence(tree(rows)).components["resolved"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("words", "length"), [(3, 3 / 8), (8, 1), (40, 1), (41, 39 / 40), (60, 0.5), (80, 0), (200, 0)]
)
def test_length_rises_to_eight_words_and_falls_from_forty(words: int, length: float) -> None:
    rows = VERB_ROOT + "og CCONJ _ 2 cc\n" * (words - 3)
    verdict = judge_sentence(tree(rows))
    assert verdict.components["length"] == pytest.approx(length)
    assert verdict.quality > 0


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("Hun leser.", 1),
        ("Åse leser …", 1),
        ("«Hun leser!»", 1),
        ("– Hun leser?", 1),
        ("17 leser (sies det.)", 1),
        ("hun leser.", 0.5),
        ("Hun leser", 0.5),
        ("Hun leser,", 0.5),
        ("hun leser", 0),
    ],
)
def test_closed_looks_at_both_ends(text: str, closed: float) -> None:
    assert judge_sentence(tree(VERB_ROOT, text)).components["closed"] == closed


def test_a_text_passes_when_every_sentence_does() -> None:
    both = judge_sentences([tree(VERB_ROOT), tree(COPULA)], "all_sentences")
    assert both.passed
    assert both.quality == pytest.approx(sum(s.quality for s in both.sentences) / 2)
    mixed = judge_sentences([tree(VERB_ROOT), tree(HEADLINE)], "all_sentences")
    assert not mixed.passed
    assert mixed.quality == 0
    assert [s.passed for s in mixed.sentences] == [True, False]


def test_first_sentence_judges_no_other() -> None:
    verdict = judge_sentences([tree(VERB_ROOT), tree(HEADLINE)], "first_sentence")
    assert verdict.passed
    assert len(verdict.sentences) == 1
    assert not judge_sentences([tree(HEADLINE), tree(VERB_ROOT)], "first_sentence").passed


def test_marks_alone_are_no_sentence() -> None:
    marks = tree("... PUNCT _ 0 root\n » PUNCT _ 1 punct")
    assert judge_sentences([marks, tree(VERB_ROOT)], "first_sentence").passed
    assert judge_sentences([tree(VERB_ROOT), marks], "all_sentences").passed
    for nothing in ([], [marks]):
        verdict = judge_sentences(nothing, "all_sentences")
        assert not verdict.passed
        assert verdict.quality == 0
        assert verdict.sentences == ()


_TOKENS = st.builds(
    Token,
    form=st.text("aÅ1.!«»", min_size=1, max_size=4),
    upos=st.sampled_from(["VERB", "AUX", "NOUN", "PUNCT", "X"]),
    feats=st.sampled_from([{}, {"VerbForm": "Fin"}, {"VerbForm": "Inf"}]),
    head=st.integers(0, 4),
    deprel=st.sampled_from(["root", "nsubj", "nsubj:pass", "csubj", "expl", "expl:pv", "aux", "cop", "dep", "obj"]),
)


@settings(deadline=None)
@given(st.lists(_TOKENS, max_size=100))
def test_quality_is_positive_exactly_when_a_sentence_passes(tokens: list[Token]) -> None:
    verdict = judge_sentence(Sentence(" ".join(token.form for token in tokens), tuple(tokens)))
    assert verdict.passed == (not verdict.reasons) == (verdict.quality > 0)
    assert 0 <= verdict.quality <= 1
    assert not verdict.passed or verdict.quality >= 0.1
    assert all(0 <= value <= 1 for value in verdict.components.values())


@given(st.text(st.sampled_from("aB.  \t\n\r\x85\xa0\u2028"), max_size=30))
def test_lines_hold_the_words_of_the_text_and_single_spaces(text: str) -> None:
    lines = text_lines(text)
    assert [word for line in lines for word in line.split(" ")] == text.split()
    assert "" not in lines


def test_a_line_break_divides_a_text() -> None:
    assert text_lines(" Hun  leser\n\n\tHan\xa0sover \r\n") == ["Hun leser", "Han sover"]
