"""What a run that somebody started over a network may name."""

import shutil
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from saga_core.artifacts.fingerprint import hash_tree
from saga_core.confinement import Confinement
from saga_core.demo import DEMO
from saga_core.errors import SagaError, UserError
from saga_core.outside import Pinner
from saga_core.recipe import ModelSource, ParserSettings
from saga_core.recipe_file import RECIPES
from tasks.opening import open_asked


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is allowed, with a model in it; beside it one that is not."""
    for name in ("allowed", "secret"):
        (tmp_path / name).mkdir()
        shutil.copytree(DEMO / "models" / "nb-tiny", tmp_path / name / "model")
    monkeypatch.setenv("SAGA_ALLOWED_ROOTS", str(tmp_path / "allowed"))
    monkeypatch.setenv("SAGA_STORE", str(tmp_path / "store"))
    return tmp_path


def opened(roots: Path, *overrides: str, recipe: str = "demo", store: str = "") -> str:
    return open_asked(recipe, overrides, store, frozenset(), Confinement.of_environment()).store.uri


def test_what_a_recipe_of_ours_names_itself_is_allowed(roots: Path) -> None:
    assert opened(roots) == str(roots / "store")


def test_what_the_language_of_a_recipe_of_ours_names_is_allowed_too(tmp_path: Path) -> None:
    for overrides in ((), ("language=nb",)):
        loaded, confined = Confinement().load("nb-llama-3.2-1b", overrides)
        treebank = loaded.recipe.evaluation.scala.treebank
        confined.check(treebank, tmp_path / treebank, "evaluation.scala.treebank")
    with pytest.raises(UserError, match="outside the folders"):
        confined.check("treebanks/other.conllu", tmp_path / "treebanks/other.conllu", "evaluation.scala.treebank")


def test_a_model_in_an_allowed_folder_is_what_it_is_elsewhere(roots: Path) -> None:
    session = open_asked("demo", (f"model.id={roots}/allowed/model",), "", frozenset(), Confinement.of_environment())
    assert session.outside["model"].identity == {"sha256": hash_tree(DEMO / "models" / "nb-tiny")}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("model.id", "{}/secret/model"),
        ("model.id", "{}/allowed/../secret/model"),
        ("model.id", "{}/allowed/link"),
        ("model.id", "{}/nothing/here"),
        ("judge.model", "{}/secret/model"),
        ("evaluator.model", "{}/secret/model"),
        ("corpus.sources.0.path", "/etc/passwd"),
        ("evaluation.scala.treebank", "/etc/passwd"),
        ("evaluation.summaries.source.path", "../../../../../../etc/passwd"),
        ("evaluation.reading.source.path", "~/.ssh/id_rsa"),
    ],
)
def test_a_setting_that_leads_outside_is_refused_by_name(roots: Path, setting: str, value: str) -> None:
    (roots / "allowed" / "link").symlink_to(roots / "secret" / "model")
    with pytest.raises(UserError, match="outside the folders that a parameter may name") as refused:
        opened(roots, f"{setting}={value.format(roots)}")
    assert setting.replace(".0", "") in refused.value.where


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("corpus.sources.0.path", "demo:/etc/passwd"),
        ("corpus.sources.0.path", "demo:../../../../../../../etc/passwd"),
        ("evaluation.scala.treebank", "demo:text/../../../../../../../etc/passwd"),
        ("judge.model", "demo:{}/secret/model"),
        ("model.id", "demo:{}/secret/model"),
    ],
)
def test_an_embedded_name_leads_nowhere_else(roots: Path, setting: str, value: str) -> None:
    with pytest.raises(UserError, match="no such embedded file"):
        opened(roots, f"{setting}={value.format(roots)}")


@pytest.mark.parametrize("name", ["..", "../secret", ".", "text", "json", "csv", "secret", "org/../x", "-x", "a/b/c"])
def test_a_data_set_of_the_hub_is_nothing_local(roots: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(roots)
    source = f'corpus.sources.0={{"hub": "{name}", "revision": "{"0" * 40}"}}'
    with pytest.raises(UserError, match="Hub"):
        opened(roots, source)


def test_an_adapter_is_no_base_model(roots: Path) -> None:
    (roots / "allowed" / "model" / "adapter_config.json").write_text('{"base_model_name_or_path": "/secret"}')
    with pytest.raises(UserError, match="an adapter is no base model"):
        opened(roots, f"model.id={roots}/allowed/model")


def test_what_lies_in_the_working_directory_is_no_way_round(roots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (roots / "allowed" / "mine.yaml").write_text((RECIPES / "demo.yaml").read_text(encoding="utf-8"))
    shutil.copytree(roots / "secret" / "model", roots / "secret" / "hidden")
    monkeypatch.chdir(roots / "secret")
    for name in ("hidden", "./hidden"):
        with pytest.raises(UserError, match="outside the folders"):
            opened(roots, f"model.id={name}", recipe=str(roots / "allowed" / "mine.yaml"))


def test_a_recipe_in_an_allowed_folder_is_confined_too(roots: Path) -> None:
    text = (RECIPES / "demo.yaml").read_text(encoding="utf-8")
    mine = roots / "allowed" / "mine.yaml"
    mine.write_text(text)
    assert opened(roots, recipe=str(mine))
    mine.write_text(text.replace("demo:models/nb-tiny", str(roots / "secret" / "model")))
    with pytest.raises(UserError, match="outside the folders"):
        opened(roots, recipe=str(mine))


@pytest.mark.parametrize("recipe", ["{}/secret/recipe.yaml", "/etc/passwd", "../../../../etc/passwd"])
def test_a_recipe_elsewhere_is_refused_and_nothing_of_it_is_told(roots: Path, recipe: str) -> None:
    with pytest.raises(UserError, match="outside the folders") as refused:
        opened(roots, recipe=recipe.format(roots))
    assert refused.value.where == "recipe"
    assert "root:" not in str(refused.value)


@pytest.mark.parametrize(
    "store",
    ["/etc", "{}/secret", "file:///etc", "local:///etc", "memory://x", "simplecache::file:///etc", "sftp://host/x"],
)
def test_a_store_elsewhere_is_refused(roots: Path, store: str) -> None:
    with pytest.raises(UserError) as refused:
        opened(roots, store=store.format(roots))
    assert refused.value.where == "store"


def test_the_workers_own_store_and_one_in_an_allowed_folder_may_be_named(roots: Path) -> None:
    assert opened(roots, store=str(roots / "store")) == str(roots / "store")
    assert opened(roots, store=str(roots / "allowed" / "store")) == str(roots / "allowed" / "store")


@pytest.mark.parametrize("key", ["model.trust_remote_code", "trust_remote_code", "corpus.sources.0.trust_remote_code"])
def test_remote_code_cannot_be_asked_for(roots: Path, key: str) -> None:
    with pytest.raises(UserError, match=f"unknown setting {key}"):
        opened(roots, f"{key}=true")


@pytest.mark.parametrize("package", ["pip", "prefect", "os", "antigravity"])
def test_a_package_that_is_no_pipeline_is_never_imported(package: str) -> None:
    with pytest.raises(UserError, match="no such spaCy pipeline"):
        Pinner(Path()).parser(ParserSettings(kind="spacy", model=package), "judge", "nb")


@given(st.text(min_size=1, max_size=40))
@example("~0")
@example("a\0b")
@example("/" + "a" * 300)
def test_whatever_is_named_is_inside_or_refused(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    root = tmp_path_factory.getbasetemp() / "root"
    pinner = Pinner(root, Confinement((root.resolve(),)))
    try:
        pinned = pinner.model(ModelSource(id=name, revision="0" * 40))
    except SagaError:
        return
    assert pinned.revision or Path(pinned.location).resolve().is_relative_to(root.resolve())
