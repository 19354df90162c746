from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from saga_core.corpus.treebank import TreebankSentence, join_tokens, read_treebank
from saga_core.demo import DEMO
from saga_core.judges.checking import Finding, check
from saga_core.judges.verdict import SentenceVerdict, Verdict
from saga_core.progress import Tick


def verdict(passed: bool, quality: float) -> Verdict:
    return Verdict(passed, quality if passed else 0.0, (SentenceVerdict("", passed, quality, (), {}),))


class Knows:
    """Whoever knows which sentences are real is a perfect judge; whoever asks for their length is none."""

    def __init__(self, real: Sequence[str]) -> None:
        self._real = frozenset(real)

    def judge(self, texts: Sequence[str], tick: Tick) -> list[Verdict]:
        return [verdict(text in self._real, float(text in self._real)) for text in texts]


class Long:
    def judge(self, texts: Sequence[str], tick: Tick) -> list[Verdict]:
        return [verdict(True, len(text.split()) / 100) for text in texts]


@pytest.fixture(scope="module")
def treebank() -> list[TreebankSentence]:
    return read_treebank(DEMO / "text" / "articles.conllu")[:300]


def figures(findings: Sequence[Finding]) -> dict[tuple[str, str], float]:
    return {(each.group, each.name): each.estimate.value for each in findings}


def test_who_knows_what_is_right_gets_full_marks(treebank: list[TreebankSentence]) -> None:
    real = [join_tokens(sentence.forms) for sentence in treebank]
    found = figures(check(Knows(real), treebank, real, [(real[0], True), ("Bok den.", False)], 100, 0))
    for name in (("ScaLA", "all"), ("ScaLA", "delete"), ("ScaLA", "flip"), ("labelled", "all")):
        assert found[name] == 1.0
    assert found["ceiling", "real text"] == found["floor", "the same, intact"] == 1.0
    assert found["floor", "shuffled"] == found["floor", "repeated"] == found["floor", "truncated"] == 0.0
    assert found["length", "quality"] == 0.0


def test_who_likes_long_sentences_is_found_out(treebank: list[TreebankSentence]) -> None:
    found = check(Long(), treebank, [], [], 200, 0)
    by_name = {(each.group, each.name): each.estimate for each in found}
    assert by_name["length", "quality"].value > 0.99
    assert by_name["ScaLA", "flip"].value == 0.5
    assert by_name["floor", "shuffled"].value == 1.0


def test_a_treebank_without_marks_has_no_floor_and_all_else(treebank: list[TreebankSentence]) -> None:
    spoken = [replace(s, forms=s.forms[:-1], upos=s.upos[:-1]) for s in treebank]
    groups = {each.group for each in check(Long(), spoken, [], [], 50, 0)}
    assert "floor" not in groups
    assert {"ScaLA", "ceiling", "length"} <= groups


def test_labels_are_compared_over_all_sentences(treebank: list[TreebankSentence]) -> None:
    labelled = [("en", False), ("en to", True), ("en to tre", False), ("en to tre fire", True)]
    found = figures(check(Long(), treebank, [], labelled, 50, 0))
    assert found["labelled", "all"] == 0.75
