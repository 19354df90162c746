from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
import spacy

from saga_core.demo import DEMO_MODELS
from saga_core.errors import StageError, UserError
from saga_core.judges.protocol import Judge
from saga_core.judges.spacy_judge import SpacyJudge

DEMO = str(DEMO_MODELS / "nb-spacy-judge")


def test_a_missing_package_is_told_how_to_be_installed() -> None:
    with pytest.raises(UserError, match="run: python -m spacy download nb_core_news_none"):
        SpacyJudge("nb_core_news_none", "all_sentences")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"give a folder that spacy\.load reads") as raised:
        SpacyJudge(str(tmp_path / "none"), "all_sentences")
    assert str(tmp_path / "none") in raised.value.where


def test_a_pipeline_without_parser_is_refused(tmp_path: Path) -> None:
    blank = spacy.blank("nb")
    blank.add_pipe("sentencizer")
    blank.to_disk(tmp_path)
    with pytest.raises(UserError, match="no dependency parser"):
        SpacyJudge(str(tmp_path), "all_sentences")


def test_a_pipeline_without_parts_of_speech_is_refused(tmp_path: Path) -> None:
    spacy.load(DEMO, exclude=["morphologizer"]).to_disk(tmp_path)
    with pytest.raises(UserError, match="no tagger of parts of speech"):
        SpacyJudge(str(tmp_path), "all_sentences")


def test_first_sentence_is_the_looser_unit(spacy_judge: Judge) -> None:
    text = "Hun leser boka. Stor seier i går."
    assert not spacy_judge.judge([text], lambda done=1: None)[0].passed
    assert SpacyJudge(DEMO, "first_sentence").judge([text], lambda done=1: None)[0].passed


def test_workers_give_the_same_verdicts_and_their_death_is_an_error(spacy_judge: Judge) -> None:
    texts = [f"Hun har {number} bøker.\nHan sover." for number in range(150)]
    ticks: list[int] = []
    parallel = SpacyJudge(DEMO, "all_sentences", workers=2)
    before = set(multiprocessing.active_children())
    verdicts = parallel.judge(texts, lambda done=1: ticks.append(done))
    assert verdicts == spacy_judge.judge(texts, lambda done=1: None)
    assert sum(ticks) == len(texts)
    for worker in set(multiprocessing.active_children()) - before:
        worker.kill()
    with pytest.raises(StageError, match=r"lower runtime\.workers"):
        parallel.judge(texts, lambda done=1: None)
