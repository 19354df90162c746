from __future__ import annotations

from pathlib import Path

import pytest
import spacy

from saga_core.demo import DEMO_MODELS
from saga_core.errors import UserError
from saga_core.judges.spacy_parser import load_spacy

DEMO = str(DEMO_MODELS / "nb-spacy-judge")


def test_a_missing_package_is_told_how_to_be_installed() -> None:
    with pytest.raises(UserError, match="run: python -m spacy download nb_core_news_none"):
        load_spacy("nb_core_news_none")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"give a folder that spacy\.load reads") as raised:
        load_spacy(str(tmp_path / "none"))
    assert str(tmp_path / "none") in raised.value.where


def test_a_pipeline_without_parser_is_refused(tmp_path: Path) -> None:
    blank = spacy.blank("nb")
    blank.add_pipe("sentencizer")
    blank.to_disk(tmp_path)
    with pytest.raises(UserError, match="no dependency parser"):
        load_spacy(str(tmp_path))


def test_a_pipeline_without_parts_of_speech_is_refused(tmp_path: Path) -> None:
    spacy.load(DEMO, exclude=["morphologizer"]).to_disk(tmp_path)
    with pytest.raises(UserError, match="no tagger of parts of speech"):
        load_spacy(str(tmp_path))
