import shutil
import sys
from importlib import metadata
from pathlib import Path

import pytest

from saga_core.demo import DEMO_MODELS, DEMO_TEXT
from saga_core.errors import UserError
from saga_core.outside import Pinner, stanza_resources
from saga_core.recipe import ModelSource, ParserSettings, TaskSource, TextSource


def test_a_model_is_its_content_wherever_it_lies(tmp_path: Path) -> None:
    shutil.copytree(DEMO_MODELS / "nb-tiny", tmp_path / "copy")
    pin = Pinner(tmp_path)
    one, other = pin.model(ModelSource(id="copy")), pin.model(ModelSource(id="demo:models/nb-tiny"))
    assert one.identity == other.identity
    assert one.location == str(tmp_path / "copy")
    (tmp_path / "copy" / "config.json").write_text("{}")
    assert pin.model(ModelSource(id="copy")).identity != other.identity


def test_a_hub_commit_is_taken_as_it_is() -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    pin = Pinner(Path()).model(ModelSource(id="org/name", revision=commit))
    assert pin.identity == {"hub": "org/name", "revision": commit}
    assert pin.revision == commit


def test_a_limit_is_part_of_what_is_read_and_a_parsers_library_of_the_parser() -> None:
    pin = Pinner(Path())
    path = str(DEMO_TEXT / "articles.jsonl")
    assert pin.text(TextSource(path=path)).identity != pin.text(TextSource(path=path, limit=3)).identity
    judge = pin.parser(ParserSettings(kind="spacy", model="demo:models/nb-spacy-judge"), "judge", "nb")
    assert judge.identity.keys() == {"kind", "library", "sha256"}


def test_a_udpipe_model_is_its_content_and_its_library(tmp_path: Path) -> None:
    (tmp_path / "nb.udpipe").write_bytes(b"a model")
    pin = Pinner(tmp_path).parser(ParserSettings(kind="udpipe", model="nb.udpipe"), "judge", "nb")
    assert pin.location == str(tmp_path / "nb.udpipe")
    assert pin.identity["library"] == metadata.version("ufal.udpipe")
    (tmp_path / "nb.udpipe").write_bytes(b"another model")
    other = Pinner(tmp_path).parser(ParserSettings(kind="udpipe", model="nb.udpipe"), "judge", "nb")
    assert other.identity["sha256"] != pin.identity["sha256"]


def test_greynir_is_its_grammar_and_its_words() -> None:
    pin = Pinner(Path()).parser(ParserSettings(kind="greynir"), "judge", "is")
    assert pin.location == ""
    packages = {"library": "reynir"} | {name: name for name in ("islenska", "islenska-data", "tokenizer")}
    versions = {key: metadata.version(package) for key, package in packages.items()}
    assert pin.identity == {"kind": "greynir", **versions}


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        (ParserSettings(kind="greynir"), r"judge\.kind greynir: .*not installed; run: pip install 'saga\[greynir\]'"),
        (ParserSettings(kind="udpipe", model="x"), r"judge\.kind udpipe: .*; run: pip install 'saga\[udpipe\]'"),
    ],
)
def test_a_parser_that_is_not_installed_is_told_how_to_be(
    settings: ParserSettings, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(UserError, match=remedy):
        Pinner(Path()).parser(settings, "judge", "is")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda pin: pin.model(ModelSource(id="/no/such")), r"model\.id /no/such: no such file or folder"),
        (lambda pin: pin.model(ModelSource(id=str(DEMO_TEXT))), r"config\.json is missing"),
        (lambda pin: pin.model(ModelSource(id="demo:models/x")), r"known: .*demo:models/nb-tiny"),
        (lambda pin: pin.model(ModelSource(id="no spaces allowed")), r"neither a folder here nor an id on the Hub"),
        (lambda pin: pin.text(TextSource(path="no.jsonl")), r"corpus\.sources\.path no\.jsonl: no such file"),
        (lambda pin: pin.task(TaskSource(path="no.json"), "reading"), r"reading\.path no\.json: no such file"),
        (
            lambda pin: pin.parser(ParserSettings(kind="spacy", model="xx_no_such"), "judge", "nb"),
            r"judge\.model xx_no_such: .* spacy download xx_no_such",
        ),
        (
            lambda pin: pin.parser(ParserSettings(kind="stanza", model="xx"), "evaluator", "xx"),
            r"evaluator\.model xx: .*stanza\.download\('xx'",
        ),
        (
            lambda pin: pin.parser(ParserSettings(kind="stanza", model="demo:models/nb-stanza-evaluator"), "e", "da"),
            r"no Stanza models for da",
        ),
        (
            lambda pin: pin.parser(ParserSettings(kind="udpipe", model="no.udpipe"), "judge", "nb"),
            r"judge\.model no\.udpipe: no such file",
        ),
        (
            lambda pin: pin.parser(ParserSettings(kind="greynir"), "judge", "nb"),
            r"judge\.kind greynir: Greynir parses Icelandic, not nb; choose another kind",
        ),
    ],
)
def test_what_is_missing_is_one_line_with_its_remedy(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(UserError, match=message) as raised:
        call(Pinner(Path()))
    assert "\n" not in str(raised.value)


def test_stanza_is_looked_for_where_stanza_puts_its_models() -> None:
    from stanza.resources.common import DEFAULT_MODEL_DIR

    assert str(stanza_resources()) == DEFAULT_MODEL_DIR


def test_a_stanza_language_is_pinned_by_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(DEMO_MODELS / "nb-stanza-evaluator", tmp_path / "resources")
    monkeypatch.setenv("STANZA_RESOURCES_DIR", str(tmp_path / "resources"))
    # A folder beside the recipe that is only called like the language is not meant.
    (tmp_path / "nb").mkdir()
    pin = Pinner(tmp_path).parser(ParserSettings(kind="stanza", model="nb"), "evaluator", "nb")
    assert pin.location == "nb"
    assert len(pin.identity["sha256"]) == 64
