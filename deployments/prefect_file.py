"""Writes ``prefect.yaml`` from the recipes and ``schedules.yaml``: ``python -m deployments.prefect_file``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from deployments.entry import Entry, Limit, Pool
from deployments.names import CPU_POOL, DEFAULT_QUEUE, GPU_POOL, RUNS_A_LANGUAGE, TAG
from deployments.schedules import load_schedules
from flows.form import prefilled
from saga_core import languages
from saga_core.errors import SagaError
from saga_core.recipe import Recipe
from saga_core.recipe_file import load_recipe, recipe_names
from saga_core.telling import tell
from saga_core.yaml_file import read_settings

PREFECT_FILE = Path(__file__).with_name("prefect.yaml")
COMMAND = "python -m deployments.prefect_file"

_HEAD = f"""\
# What the server offers to run, for `prefect deploy --all --prefect-file deployments/prefect.yaml`; it needs the pools.
# Written by `{COMMAND}` from deployments/recipes and deployments/schedules.yaml:
# change those, not this file.
#
# `python -m deployments.deploy` does without it: it makes a server have what recipes and schedules say, with pools,
# queues and automations.
name: saga
# The package is installed wherever a worker runs, and entrypoints are module paths. Without a step, Prefect would copy
# the worker's whole working directory for every run.
pull:
- prefect.deployments.steps.set_working_directory:
    directory: .
"""


def entries() -> list[Entry]:
    """Return every deployment there is to be.

    Raises:
        UserError: A recipe or the schedules file is wrong.
    """
    return [*_alignments(), *_retrainings(), *_ablations(), *_stages()]


def _alignments() -> Iterator[Entry]:
    for name in recipe_names():
        recipe = load_recipe(name).recipe
        yield Entry(
            name=name,
            entrypoint="flows.align.align",
            description=_description(recipe),
            tags=(TAG, recipe.language, _model(recipe)),
            parameters=prefilled(name),
            work_pool=Pool(name=CPU_POOL, work_queue_name=recipe.language),
            concurrency_limit=Limit(limit=1),
        )


def _retrainings() -> Iterator[Entry]:
    for code, language in load_schedules().items():
        recipe = load_recipe(language.recipe).recipe
        yield Entry(
            name=code,
            entrypoint="flows.retrain.retrain",
            description=f"Align {_model(recipe)} to {languages.get(code).name} again, and promote the better adapter.",
            tags=(TAG, code, _model(recipe)),
            parameters={"recipe": language.recipe},
            work_pool=Pool(name=CPU_POOL, work_queue_name=code),
            concurrency_limit=Limit(limit=RUNS_A_LANGUAGE),
            schedules=language.schedules,
        )


def _ablations() -> Iterator[Entry]:
    for code, language in load_schedules().items():
        recipe = load_recipe(language.recipe).recipe
        yield Entry(
            # Retraining's has the language's name alone, and a list of both should tell them apart.
            name=f"{code}-ablation",
            entrypoint="flows.ablate.ablate",
            description=f"Align {_model(recipe)} to {languages.get(code).name} under several settings; compare them.",
            tags=(TAG, code, _model(recipe)),
            parameters={"recipe": language.recipe, "vary": ["sft.mode=skip,force"]},
            work_pool=Pool(name=CPU_POOL, work_queue_name=code),
            concurrency_limit=Limit(limit=RUNS_A_LANGUAGE),
        )


def _stages() -> Iterator[Entry]:
    for name, pool, where in (("gpu", GPU_POOL, "a GPU"), ("cpu", CPU_POOL, "a processor")):
        yield Entry(
            name=name,
            entrypoint="flows.stage.stage",
            description=f"One stage of a run, or a share of its shards, on {where}; started by align, not by people.",
            tags=(TAG, "stage"),
            parameters={},
            work_pool=Pool(name=pool, work_queue_name=DEFAULT_QUEUE),
        )


def _model(recipe: Recipe) -> str:
    return recipe.model.title or recipe.model.id.rpartition("/")[2]


def _description(recipe: Recipe) -> str:
    gate = f"KL-SFT if under {recipe.sft.tau:.0%} of its sentences parse"
    sft = {"auto": gate, "force": "KL-SFT in any case", "skip": "no KL-SFT"}[recipe.sft.mode]
    return f"Align {_model(recipe)} to the grammar of {languages.get(recipe.language).name}; {sft}."


def text() -> str:
    """Return what ``prefect.yaml`` should hold."""
    data = [entry.model_dump(mode="json", exclude_defaults=True) for entry in entries()]
    # Said although it is the default: a reader should see that the others wait.
    for entry in data:
        if "concurrency_limit" in entry:
            entry["concurrency_limit"]["collision_strategy"] = "ENQUEUE"
    listed = yaml.safe_dump({"deployments": data}, sort_keys=False, allow_unicode=True, width=120)
    return f"{_HEAD}\n{listed}"


def read(path: Path = PREFECT_FILE) -> list[Entry]:
    """Return the deployments that the file names.

    Raises:
        UserError: It is not what the generator writes.
    """
    data = read_settings(path, "prefect.yaml", f"{COMMAND} writes it anew")
    return [Entry.read(each, f"{path}: deployments.{i}") for i, each in enumerate(data.get("deployments", []))]


def main() -> int:
    """Write the file."""
    try:
        PREFECT_FILE.write_text(text(), encoding="utf-8")
    except SagaError as error:
        tell(f"deployments: {error}")
        return error.exit_code
    print(f"{PREFECT_FILE}: {len(entries())} deployments")
    return 0


if __name__ == "__main__":
    sys.exit(main())
