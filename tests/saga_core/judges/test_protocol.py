"""What holds of every judge, whatever its parser."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from saga_core.judges.protocol import Judge
from saga_core.judges.spacy_judge import SpacyJudge
from saga_core.judges.stanza_judge import StanzaJudge

TEXTS = [
    "Hun leser boka.",
    "Stor seier i går",
    "Magneter kan tiltrekke seg jern uten å berøre det. Kraften virker gjennom et usynlig felt.",
    "Han er lærer.\nHun er lege.",
    "",
    " \n\t ",
    "… » !",
    "Det regner i Bergen. Stor by ved havet",
    "Vannet samles ofte i store magasiner bak en demning, slik at det kan brukes når behovet er størst.",
    "bok Hun . leser den",
]


def _no_tick(done: int = 1) -> None:
    pass


@pytest.fixture(params=["spacy_judge", "stanza_judge"])
def judge(request: pytest.FixtureRequest) -> Judge:
    found: Judge = request.getfixturevalue(request.param)
    return found


def test_the_kind_chooses_the_judge(spacy_judge: Judge, stanza_judge: Judge) -> None:
    assert isinstance(spacy_judge, SpacyJudge)
    assert isinstance(stanza_judge, StanzaJudge)


def test_sentences_pass_and_fragments_and_empty_texts_do_not(judge: Judge) -> None:
    plain, headline, *_, empty, blank, marks = (judge.judge([text], _no_tick)[0] for text in TEXTS[:7])
    assert plain.passed
    assert 0 < plain.quality <= 1
    assert not headline.passed
    for nothing in (empty, blank, marks):
        assert not nothing.passed
        assert nothing.sentences == ()


def test_a_verdict_does_not_depend_on_its_neighbours(judge: Judge) -> None:
    alone = {text: judge.judge([text], _no_tick)[0] for text in TEXTS}
    shuffled = random.Random(0).sample(TEXTS * 8, len(TEXTS) * 8)
    assert judge.judge(shuffled, _no_tick) == [alone[text] for text in shuffled]


def test_each_text_ticks_once(judge: Judge) -> None:
    ticks: list[int] = []
    judge.judge(TEXTS, lambda done=1: ticks.append(done))
    assert ticks == [1] * len(TEXTS)
    assert judge.judge([], _no_tick) == []


def test_no_sentence_crosses_a_line_break(judge: Judge) -> None:
    apart = judge.judge(["Hun leser\nboka hver dag"], _no_tick)[0]
    assert [sentence.text for sentence in apart.sentences] == ["Hun leser", "boka hver dag"]


def test_white_space_does_not_change_the_parse(judge: Judge) -> None:
    assert judge.parse("  Hun \t leser\xa0 boka. ") == judge.parse("Hun leser boka.")


def test_the_parse_has_universal_dependencies(judge: Judge) -> None:
    (tokens,) = judge.parse("Hun leser boka.")
    assert [token.form for token in tokens] == ["Hun", "leser", "boka", "."]
    assert [(token.upos, token.head, token.deprel) for token in tokens[:2]] == [
        ("PRON", 2, "nsubj"),
        ("VERB", 0, "root"),
    ]
    assert tokens[1].feats["VerbForm"] == "Fin"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.sampled_from("aÅ1 .!?\n\t«»\u200b\u0301\x00\u2028😀漢_-"), max_size=20))
def test_any_text_is_parsed_into_trees(judge: Judge, text: str) -> None:
    for tokens in judge.parse(text):
        assert sum(token.head == 0 for token in tokens) == 1
        assert all(0 <= token.head <= len(tokens) for token in tokens)
    judge.judge([text], _no_tick)
