"""A seventh language is its file and a recipe: added to a copy of the project, all that lists languages has it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE = ("saga_core", "tasks", "flows", "deployments", "tests", "pyproject.toml")

LANGUAGE = """\
\"\"\"Dutch.\"\"\"

from __future__ import annotations

from saga_core.languages import Language, wikipedia
from saga_core.recipe import ParserSettings, TaskSource

LANGUAGE = Language(
    code="nl",
    name="Dutch",
    short="NL",
    summary_prompt="Document: {text}\\nSamenvatting:",
    reading_prompt="Tekst: {text}\\nVraag: {question}\\nAntwoord:",
    card_prompt="Nederlands is",
    sources=(wikipedia("nl"),),
    judge=ParserSettings(kind="spacy", model="nl_core_news_lg"),
    evaluator=ParserSettings(kind="stanza", model="nl"),
    treebank="treebanks/nl_alpino-ud-test.conllu",
    reading=TaskSource(hub="EuroEval/squad-nl-v2-mini"),
)
"""
RECIPE = """\
name: nl-llama-3.2-1b
language: nl
model: {id: meta-llama/Llama-3.2-1B, licence: llama3.2}
"""
LISTED = """\
import json
import saga_core
from deployments.prefect_file import entries
from flows.form import Choices
from saga_core import languages
from saga_core.recipe_file import load_recipe, recipe_names

recipe = load_recipe("nl-llama-3.2-1b").recipe
(entry,) = [each for each in entries() if each.name == recipe.name]
print(json.dumps({
    "from": saga_core.__file__,
    "codes": languages.codes(),
    "recipes": recipe_names(),
    "form": Choices.model_json_schema()["properties"]["language"]["enum"],
    "judge": recipe.judge.model,
    "summaries": recipe.evaluation.summaries,
    "queue": entry.work_pool.work_queue_name,
    "description": entry.description,
    "chosen": entry.parameters["choices"]["language"],
}))
"""
# What is needed of the Hub and of parsers is the demo's here, whatever its language.
DEMO = {
    "model.id": "demo:models/nb-tiny",
    "corpus.sources": "[{path: 'demo:text/articles.jsonl'}]",
    "judge.model": "demo:models/nb-spacy-judge",
    "evaluator": "{kind: spacy, model: 'demo:models/nb-spacy-judge'}",
    "evaluation.scala.treebank": "demo:text/articles.conllu",
    "evaluation.reading.source": "{path: 'demo:text/articles.jsonl'}",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with two files more."""
    copy = tmp_path_factory.mktemp("project")
    for name in CODE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    (copy / "saga_core" / "languages" / "nl.py").write_text(LANGUAGE, encoding="utf-8")
    (copy / "deployments" / "recipes" / "nl-llama-3.2-1b.yaml").write_text(RECIPE, encoding="utf-8")
    return copy


def python(project: Path, *arguments: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(project), "PREFECT_HOME": str(project / "prefect")}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_listed_wherever_languages_are(project: Path) -> None:
    found = json.loads(python(project, "-c", LISTED))
    assert found["from"] == str(project / "saga_core" / "__init__.py")
    assert "nl" in found["codes"]
    assert found["form"] == found["codes"]
    assert "nl-llama-3.2-1b" in found["recipes"]
    assert (found["judge"], found["summaries"]) == ("nl_core_news_lg", None)
    assert (found["queue"], found["chosen"]) == ("nl", "nl")
    assert "the grammar of Dutch" in found["description"]


def test_its_recipe_can_be_planned(project: Path) -> None:
    settings = [part for name, value in DEMO.items() for part in ("--set", f"{name}={value}")]
    out = python(project, "-m", "flows.command", "plan", "nl-llama-3.2-1b", *settings, "--store", "store", "--json")
    plan = json.loads(out.splitlines()[-1])
    states = {stage["stage"]: stage["state"] for stage in plan["stages"]}
    assert (plan["recipe"], states["judge"], states["data"]) == ("nl-llama-3.2-1b", "skip", "run")


@pytest.mark.slow
def test_whatever_checks_languages_and_recipes_passes(project: Path) -> None:
    tests = [
        "tests/saga_core/languages",
        "tests/saga_core/test_recipe_file.py",
        "tests/flows/test_form.py",
        "tests/deployments/test_prefect_file.py",
        "tests/deployments/test_schedules.py",
        "tests/tasks/test_stage_versions.py",
        "tests/test_imports.py",
    ]
    out = python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert "failed" not in out
