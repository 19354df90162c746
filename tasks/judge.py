"""The judge of a recipe that names a treebank: a spaCy pipeline that is trained from it; others are there already."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from saga_core.recipe import JudgeRequest
from tasks.stage import Stage, Work

VERSION = 1


def settings(recipe: JudgeRequest) -> dict[str, Any]:
    """Return the stage's slice of the recipe; the treebank is the outside input ``judge``."""
    return {"language": recipe.language, "steps": recipe.judge.steps, "seed": recipe.seed}


def skip(recipe: JudgeRequest, seen: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Say why no judge is trained: the recipe names one."""
    return None if recipe.judge.kind == "treebank" else f"the recipe names a parser: {recipe.judge.kind}"


def compute(work: Work) -> dict[str, Any]:
    """Train the pipeline and score it on sentences that it has not seen."""
    from saga_core.corpus.treebank_files import fetch_treebank
    from saga_core.judges.trained_pipeline import save_pipeline
    from saga_core.judges.training import read_parts, train_pipeline
    from saga_core.progress import progress

    recipe = work.recipe
    parts = read_parts(fetch_treebank(work.outside["judge"].location, "judge.model"))
    with progress("training the judge", recipe.judge.steps, "steps") as tick:
        trained = train_pipeline(parts, recipe.language, recipe.judge.steps, recipe.seed, tick)
    save_pipeline(trained.nlp, work.out)
    headline = {
        **trained.scores,
        "steps": trained.steps,
        **{f"{name}_sentences": len(getattr(parts, name)) for name in ("train", "dev", "test")},
    }
    (work.out / "scores.json").write_text(json.dumps(headline, indent=1), encoding="utf-8")
    return headline


STAGE = Stage("judge", VERSION, settings, compute, outside=("judge",), skip=skip)
