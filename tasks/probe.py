"""Base PS probe: how often does the base model's text parse, by the training judge?"""

from __future__ import annotations

from typing import Any

from saga_core.artifacts.tables import read_rows, write_rows
from saga_core.recipe import Recipe
from tasks.loading import load_base, load_parser
from tasks.stage import Stage, Work

VERSION = 1

_ROW = {"id": "string", "text": "string", "finished": "bool", "passed": "bool", "quality": "double"}


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the stage's slice of the recipe."""
    return {
        "sampling": recipe.evaluation.sampling.model_dump(),
        "unit": recipe.scoring.unit,
        "language": recipe.language,
        "seed": recipe.seed,
    }


def compute(work: Work) -> dict[str, Any]:
    """Sample one continuation a held-out prompt, judge each, and count."""
    from saga_core.evaluation.statistics import wilson
    from saga_core.generation.continuations import continue_prompts
    from saga_core.progress import progress

    recipe = work.recipe
    prompts = [(row["id"], row["prompt"]) for row in read_rows(work.inputs["data"] / "heldout_prompts.parquet")]
    model, tokenizer = load_base(work)
    sampling, batch = recipe.evaluation.sampling, recipe.runtime.generation_batch
    with progress("probe: continuations", len(prompts), "rows") as tick:
        drawn = continue_prompts(
            model, tokenizer, prompts, sampling, recipe.language, seed=recipe.seed, batch_size=batch, tick=tick
        )
    judge = load_parser(work, "judge")
    with progress("probe: verdicts", len(prompts), "texts") as tick:
        verdicts = judge.judge([c.text for c in drawn], tick)
    rows = [
        {"id": c.id, "text": c.text, "finished": c.finished, "passed": v.passed, "quality": v.quality}
        for c, v in zip(drawn, verdicts, strict=True)
    ]
    write_rows(work.out / "probe.parquet", rows, _ROW)
    rate = wilson(sum(v.passed for v in verdicts), len(verdicts))
    return {"parse_success": rate.value, "low": rate.low, "high": rate.high, "n": rate.n}


STAGE = Stage("probe", VERSION, settings, compute, outside=("model", "judge"), inputs=("data",))
