"""What holds of every judge, whatever its parser, and of every parser of Universal Dependencies."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_parsers import GREYNIR, SPACY, STANZA

from saga_core.errors import UserError
from saga_core.judges.greynir_judge import GreynirJudge
from saga_core.judges.protocol import Judge, UDParser, load_judge, load_parser
from saga_core.judges.spacy_parser import SpacyParser
from saga_core.judges.stanza_parser import StanzaParser
from saga_core.judges.ud_judge import UDJudge
from saga_core.judges.udpipe_parser import UDPipeParser
from saga_core.recipe import ParserSettings

NOTHING = ["", " \n\t ", "… » !"]
NORWEGIAN = [
    "Hun leser boka.",
    "Stor by ved havet",
    "Magneter kan tiltrekke seg jern uten å berøre det. Kraften virker gjennom et usynlig felt.",
    "Han er lærer.\nHun er lege.",
    *NOTHING,
    "Det regner i Bergen. Stor by ved havet",
    "Vannet samles ofte i store magasiner bak en demning, slik at det kan brukes når behovet er størst.",
    "bok Hun . leser den",
]
ICELANDIC = [
    "Hún las bókina.",
    "Stór bær við hafið",
    "Honum leiðist í skólanum. Talar þú ensku?",
    "Hann er kennari.\nHún er læknir.",
    *NOTHING,
    "Það rignir í Reykjavík. Stór bær við hafið",
    "Vatninu er oft safnað í stór lón á bak við stíflu svo að hægt sé að nota það þegar þörfin er mest.",
    "bók Hún . las hana",
]


def _no_tick(done: int = 1) -> None:
    pass


@dataclass(frozen=True)
class Case:
    """A judge with texts of its language; the first passes, the second has no verb."""

    judge: Judge
    settings: ParserSettings
    texts: list[str]
    two_lines: str


@pytest.fixture(params=["spacy", "stanza", "udpipe", "greynir"])
def case(request: pytest.FixtureRequest) -> Case:
    judge: Judge = request.getfixturevalue(f"{request.param}_judge")
    if request.param == "greynir":
        return Case(judge, GREYNIR, ICELANDIC, "Hún las\nbókina á hverjum degi")
    return Case(judge, _settings(request), NORWEGIAN, "Hun leser\nboka hver dag")


@pytest.fixture(params=["spacy", "stanza", "udpipe"])
def parser(request: pytest.FixtureRequest) -> UDParser:
    return load_parser(_settings(request), "nb")


def _settings(request: pytest.FixtureRequest) -> ParserSettings:
    trained: ParserSettings = request.getfixturevalue("udpipe")
    return {"spacy": SPACY, "stanza": STANZA, "udpipe": trained}[request.param]


def test_the_kind_chooses_the_judge_and_the_parser(
    spacy_judge: Judge, greynir_judge: Judge, udpipe: ParserSettings
) -> None:
    assert isinstance(spacy_judge, UDJudge)
    assert isinstance(greynir_judge, GreynirJudge)
    assert isinstance(load_parser(SPACY, "nb"), SpacyParser)
    assert isinstance(load_parser(STANZA, "nb"), StanzaParser)
    assert isinstance(load_parser(udpipe, "nb"), UDPipeParser)


def test_greynir_makes_no_trees_of_universal_dependencies() -> None:
    with pytest.raises(UserError, match=r"parser greynir: .*; choose a parser of Universal Dependencies"):
        load_parser(GREYNIR, "is")


def test_sentences_pass_and_fragments_and_empty_texts_do_not(case: Case) -> None:
    plain, fragment, *_, empty, blank, marks = (case.judge.judge([text], _no_tick)[0] for text in case.texts[:7])
    assert plain.passed
    assert 0 < plain.quality <= 1
    assert not fragment.passed
    assert fragment.sentences[0].reasons
    for nothing in (empty, blank, marks):
        assert not nothing.passed
        assert nothing.sentences == ()


def test_a_verdict_does_not_depend_on_its_neighbours(case: Case) -> None:
    alone = {text: case.judge.judge([text], _no_tick)[0] for text in case.texts}
    shuffled = random.Random(0).sample(case.texts * 8, len(case.texts) * 8)
    assert case.judge.judge(shuffled, _no_tick) == [alone[text] for text in shuffled]


def test_a_parse_does_not_depend_on_its_neighbours(parser: UDParser) -> None:
    alone = {text: next(parser.parse([text])) for text in NORWEGIAN}
    shuffled = random.Random(1).sample(NORWEGIAN * 3, len(NORWEGIAN) * 3)
    assert list(parser.parse(shuffled)) == [alone[text] for text in shuffled]


def test_each_text_ticks_once(case: Case) -> None:
    ticks: list[int] = []
    case.judge.judge(case.texts, lambda done=1: ticks.append(done))
    assert ticks == [1] * len(case.texts)
    assert case.judge.judge([], _no_tick) == []


def test_no_sentence_crosses_a_line_break(case: Case) -> None:
    apart = case.judge.judge([case.two_lines], _no_tick)[0]
    assert [sentence.text for sentence in apart.sentences] == case.two_lines.split("\n")


def test_the_first_sentence_is_the_looser_unit(case: Case) -> None:
    text = "\n".join(case.texts[:2])
    assert not case.judge.judge([text], _no_tick)[0].passed
    assert load_judge(case.settings, "nb", "first_sentence").judge([text], _no_tick)[0].passed


def test_white_space_does_not_change_the_parse(parser: UDParser) -> None:
    assert next(parser.parse(["  Hun \t leser\xa0 boka. "])) == next(parser.parse(["Hun leser boka."]))


def test_the_parse_has_universal_dependencies(parser: UDParser) -> None:
    ((sentence,),) = parser.parse(["Hun leser boka."])
    assert sentence.text == "Hun leser boka."
    tokens = sentence.tokens
    assert [token.form for token in tokens] == ["Hun", "leser", "boka", "."]
    assert [(token.head, token.deprel) for token in tokens[:2]] == [(2, "nsubj"), (0, "root")]
    assert tokens[1].upos == "VERB"
    assert tokens[1].feats["VerbForm"] == "Fin"


ANY_TEXT = st.text(st.sampled_from("aÅ1 .!?\n\t«»\u200b\u0301\x00\u2028😀漢_-"), max_size=20)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANY_TEXT)
def test_any_text_is_judged(case: Case, text: str) -> None:
    (verdict,) = case.judge.judge([text], _no_tick)
    assert verdict.passed == (verdict.quality > 0)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANY_TEXT)
def test_any_text_is_parsed_into_trees(parser: UDParser, text: str) -> None:
    for sentence in next(parser.parse([text])):
        assert sum(token.head == 0 for token in sentence.tokens) == 1
        assert all(0 <= token.head <= len(sentence.tokens) for token in sentence.tokens)
