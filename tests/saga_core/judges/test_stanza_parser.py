from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import pytest

from saga_core.demo import DEMO_MODELS
from saga_core.errors import UserError
from saga_core.judges.protocol import Judge
from saga_core.judges.stanza_parser import StanzaParser

DEMO = DEMO_MODELS / "nb-stanza-evaluator"


@pytest.mark.parametrize(
    ("package", "command"),
    [("default", r"stanza\.download\('qq'\)"), ("modern", r"stanza\.download\('qq', package='modern'\)")],
)
def test_a_language_without_models_is_told_how_to_get_them(package: str, command: str) -> None:
    with pytest.raises(UserError, match=command):
        StanzaParser("qq", package, "nb")


def test_a_folder_without_the_language_is_refused() -> None:
    with pytest.raises(UserError, match="Stanza package default of da"):
        StanzaParser(str(DEMO), "default", "da")


def test_an_unknown_package_is_refused() -> None:
    with pytest.raises(UserError, match="it lacks a processor"):
        StanzaParser(str(DEMO), "modern", "nb")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no resources\.json"):
        StanzaParser(str(tmp_path / "none"), "default", "nb")


def test_a_folder_without_the_parser_is_refused(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "nb" / "depparse")
    with pytest.raises(UserError, match="it cannot be loaded"):
        StanzaParser(str(tmp_path), "default", "nb")


def test_a_package_that_names_no_parser_is_refused(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path, dirs_exist_ok=True)
    resources = json.loads((tmp_path / "resources.json").read_text(encoding="utf-8"))
    del resources["nb"]["packages"]["default"]["depparse"]
    (tmp_path / "resources.json").write_text(json.dumps(resources), encoding="utf-8")
    with pytest.raises(UserError, match="it has no depparse"):
        StanzaParser(str(tmp_path), "default", "nb")


def test_it_is_silent(stanza_judge: Judge, capfd: pytest.CaptureFixture[str]) -> None:
    StanzaParser(str(DEMO), "default", "nb")
    stanza_judge.judge(["Hun leser boka.", "x" * 1500], lambda done=1: None)
    logging.getLogger("stanza").warning("chatter")
    assert capfd.readouterr() == ("", "")
