"""``prefect.yaml``: nothing in it is stale, Prefect reads it, and one recipe more is one deployment more."""

import shutil
from pathlib import Path

import pytest
import yaml
from prefect.cli.deploy._models import PrefectYamlModel

from deployments import prefect_file
from deployments.entry import Entry
from deployments.names import PULL_STEPS
from deployments.prefect_file import COMMAND, PREFECT_FILE, entries, read, text
from flows.form import prefilled
from saga_core import recipe_file
from saga_core.errors import UserError
from saga_core.recipe_file import RECIPES, load_recipe, recipe_names


def test_nothing_in_the_file_is_stale() -> None:
    # It may lack a recipe that was added since: who deploys without it has that too.
    listed, wanted = read(), entries()
    assert [entry for entry in wanted if entry in listed] == listed, f"stale: {COMMAND}"
    assert {"demo", "nb", "gpu", "cpu"} <= {entry.name for entry in listed}
    assert PREFECT_FILE.read_text(encoding="utf-8").startswith(text().split("deployments:\n")[0])


def test_a_file_says_what_was_put_into_it(tmp_path: Path) -> None:
    (tmp_path / "prefect.yaml").write_text(text(), encoding="utf-8")
    assert read(tmp_path / "prefect.yaml") == entries()


def test_prefect_reads_every_field() -> None:
    model = PrefectYamlModel.model_validate(yaml.safe_load(text()))
    # Whatever Prefect's model doesn't know it drops.
    for theirs, ours in zip(model.deployments, entries(), strict=True):
        dumped = theirs.model_dump(mode="json", exclude_unset=True)
        assert dumped == yaml.safe_load(yaml.safe_dump(_as_said(ours)))
    assert model.pull == PULL_STEPS


def _as_said(entry: Entry) -> dict[str, object]:
    said = entry.model_dump(mode="json", exclude_defaults=True)
    if "concurrency_limit" in said:
        said["concurrency_limit"]["collision_strategy"] = "ENQUEUE"
    return said


def test_one_deployment_a_recipe_in_the_queue_of_its_language() -> None:
    aligning = [entry for entry in entries() if entry.entrypoint == "flows.align.align"]
    assert [entry.name for entry in aligning] == recipe_names()
    languages = {name: load_recipe(name).recipe.language for name in recipe_names()}
    for entry in aligning:
        queue = (entry.work_pool.name, entry.work_pool.work_queue_name, entry.tags[1])
        assert queue == ("saga-cpu", languages[entry.name], languages[entry.name])


def test_another_recipe_is_another_deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = entries()
    recipes = Path(shutil.copytree(RECIPES, tmp_path / "recipes"))
    source = (recipes / "demo.yaml").read_text(encoding="utf-8")
    (recipes / "another.yaml").write_text(source.replace("name: demo", "name: another"), encoding="utf-8")
    monkeypatch.setattr(recipe_file, "RECIPES", recipes)
    (new,) = [entry for entry in entries() if entry not in before]
    assert (new.name, new.parameters) == ("another", prefilled("another"))


def test_a_changed_file_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "prefect.yaml"
    path.write_text(text().replace("entrypoint:", "entry_point:", 1), encoding="utf-8")
    with pytest.raises(UserError, match=r"deployments\.0\.entrypoint: Field required; python -m deployments"):
        read(path)


def test_the_command_writes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prefect_file, "PREFECT_FILE", tmp_path / "prefect.yaml")
    assert prefect_file.main() == 0
    assert f"{len(entries())} deployments" in capsys.readouterr().out
    assert (tmp_path / "prefect.yaml").read_text(encoding="utf-8") == text()
