"""Opening a session: every outside input of a recipe is pinned, and its store opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from saga_core.artifacts.fingerprint import digest
from saga_core.artifacts.store import Store
from saga_core.confinement import Confinement
from saga_core.errors import UserError
from saga_core.outside import Outside, Pinner
from saga_core.recipe import Recipe
from saga_core.recipe_file import LoadedRecipe, load_recipe
from saga_core.trackers import check_installed
from tasks.libraries import prepare_libraries
from tasks.pipeline import PIPELINE
from tasks.session import Session


def open_session(
    loaded: LoadedRecipe, store: str, refresh: frozenset[str] = frozenset(), confinement: Confinement | None = None
) -> Session:
    """Pin every outside input of a recipe and open its store.

    Args:
        loaded: The recipe.
        store: Folder or URI of the artifacts.
        refresh: Stages to compute although they are cached.
        confinement: What the recipe may name on this machine; None: anything.

    Raises:
        UserError: An outside input or the store cannot be found.
    """
    recipe, pin = loaded.recipe, Pinner(loaded.folder, confinement)
    outside = {
        "model": pin.model(recipe.model),
        "judge": pin.parser(recipe.judge, "judge", recipe.language),
        "judge_text": pin.judge_text(recipe.judge),
        "evaluator": pin.parser(recipe.evaluator, "evaluator", recipe.language),
        "treebank": pin.file(recipe.evaluation.scala.treebank, "evaluation.scala.treebank"),
    }
    if recipe.evaluation.summaries:
        outside["summaries"] = pin.task(recipe.evaluation.summaries.source, "evaluation.summaries.source")
    if recipe.evaluation.reading:
        outside["reading"] = pin.task(recipe.evaluation.reading.source, "evaluation.reading.source")
    if recipe.evaluation.acceptability:
        source = recipe.evaluation.acceptability.source
        outside["acceptability"] = pin.task(source, "evaluation.acceptability.source")
    _check_lengths(recipe, outside["model"])
    check_installed(recipe.runtime.report_to)
    sources = [pin.text(source) for source in recipe.corpus.sources]
    outside |= {f"corpus.{i}": source for i, source in enumerate(sources)}
    outside["corpus"] = Outside({"sources": [source.identity for source in sources]}, "")
    prepare_libraries(recipe, outside)
    return Session(recipe, outside, Store(store), refresh, _run_name(recipe, outside), asked=loaded)


def open_asked(
    recipe: str, overrides: tuple[str, ...], store: str, refresh: frozenset[str], confinement: Confinement | None
) -> Session:
    """Open a session as it is asked for: by the name of a recipe.

    Args:
        recipe: Name or path.
        overrides: Settings in place of the recipe's.
        store: Folder or URI of the artifacts; empty: the worker's own, under a confinement.
        refresh: Stages to compute although they are cached.
        confinement: What all of these may name on this machine; None: anything.

    Raises:
        UserError: One of them is wrong, or may not be named.
    """
    if confinement is None:
        return open_session(load_recipe(recipe, overrides), store, refresh)
    loaded, confinement = confinement.load(recipe, overrides)
    return open_session(loaded, confinement.store(store), refresh, confinement)


def _run_name(recipe: Recipe, outside: Mapping[str, Outside]) -> str:
    """Return a run's name: the recipe's, and a digest of what it asks for; the same request has the same name."""
    asked = [stage.payload(recipe, outside, {}) for stage in PIPELINE]
    return f"{recipe.name}-{digest(asked)[:10]}"


def _check_lengths(recipe: Recipe, model: Outside) -> None:
    """Refuse continuations that leave a local model no room for a prompt, before anything is spent.

    Raises:
        UserError: A number of new tokens is not below the model's context.
    """
    config = Path(model.location) / "config.json"
    context = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else None
    context = context.get("max_position_embeddings") if isinstance(context, dict) else None
    measured = recipe.evaluation
    wanted = {
        "probe.max_new_tokens": recipe.probe.max_new_tokens,
        "generation.max_new_tokens": recipe.generation.max_new_tokens,
        "evaluation.sampling.max_new_tokens": measured.sampling.max_new_tokens,
    }
    for name, task in (("summaries", measured.summaries), ("reading", measured.reading)):
        if task:
            wanted[f"evaluation.{name}.max_new_tokens"] = task.max_new_tokens
    for name, tokens in wanted.items():
        if isinstance(context, int) and tokens >= context:
            raise UserError(
                f"{tokens} new tokens leave no room for a prompt: the context is {context}", name, "lower it"
            )
