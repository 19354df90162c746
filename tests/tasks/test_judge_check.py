"""A judge is not checked on what it has learned from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from saga_core.corpus.treebank import read_treebank
from saga_core.demo import DEMO
from saga_core.errors import UserError
from saga_core.judges.training import read_parts
from tasks.judge_check import unlearned
from tasks.session import Session

TREEBANK = DEMO / "text" / "articles.conllu"


def test_of_its_own_treebank_the_test_part_is_left(open_demo: Callable[..., Session]) -> None:
    sentences = read_treebank(TREEBANK)
    session = open_demo("judge={kind: treebank, model: 'demo:text/articles.conllu'}")
    kept = unlearned(session.recipe, session.outside, sentences)
    parts = read_parts({"train": TREEBANK})
    learned = {sentence.text for sentence in (*parts.train, *parts.dev)}
    assert 0 < len(kept) <= len(parts.test)
    assert not learned & {sentence.text for sentence in kept}
    with pytest.raises(UserError, match="the judge has learned from every sentence of it"):
        unlearned(session.recipe, session.outside, list(parts.train))


def test_a_parser_that_others_trained_is_checked_on_all(open_demo: Callable[..., Session], tmp_path: Path) -> None:
    session = open_demo()
    sentences = read_treebank(TREEBANK)[:20]
    assert unlearned(session.recipe, session.outside, sentences) == sentences
