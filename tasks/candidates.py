"""Candidate generation: N row-seeded continuations a prompt, each trimmed to its last complete sentence."""

from __future__ import annotations

from typing import Any

from saga_core.artifacts.tables import read_rows, write_rows
from saga_core.recipe import Recipe
from tasks.models import load_policy
from tasks.stage import Stage, Work

VERSION = 1

_ROW = {
    "prompt_id": "string",
    "prompt": "string",
    "text": "string",
    "temperature": "double",
    "k": "int64",
    "tokens": "int64",
    "finished": "bool",
    "trimmed": "bool",
}


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the stage's slice of the recipe."""
    return {"generation": recipe.generation.model_dump(), "language": recipe.language, "seed": recipe.seed}


def compute(work: Work) -> dict[str, Any]:
    """Sample, trim, and write one row a candidate."""
    from saga_core.generation.sampler import Request, sample
    from saga_core.generation.trim import trim_to_complete
    from saga_core.progress import progress

    recipe, wanted = work.recipe, work.recipe.generation
    prompts = read_rows(work.inputs["data"] / "prompts.parquet")
    model, tokenizer = load_policy(work)
    requests = [
        Request(row["id"], row["prompt"], temperature, k)
        for row in prompts
        for temperature in wanted.temperatures
        for k in range(wanted.per_temperature)
    ]
    with progress("candidates", len(requests), "rows") as tick:
        completions = sample(
            model,
            tokenizer,
            requests,
            max_new_tokens=wanted.max_new_tokens,
            repetition_penalty=wanted.repetition_penalty,
            seed=recipe.seed,
            batch_size=recipe.runtime.generation_batch,
            tick=tick,
        )
    rows = []
    for c in completions:
        prompt = c.request.prompt
        text = c.text if c.finished else trim_to_complete(prompt, c.text, recipe.language)
        rows.append(
            {
                "prompt_id": c.request.key,
                "prompt": prompt,
                "text": text,
                "temperature": c.request.temperature,
                "k": c.request.k,
                "tokens": c.tokens,
                # A text cut by us ended nowhere: no end-of-text may be taught after it.
                "finished": c.finished,
                "trimmed": text != c.text,
            }
        )
    write_rows(work.out / "candidates.parquet", rows, _ROW)
    return {
        "prompts": len(prompts),
        "candidates": len(rows),
        "finished": sum(row["finished"] for row in rows),
        "trimmed": sum(row["trimmed"] for row in rows),
        "without_complete_sentence": sum(not row["text"] for row in rows),
        "tokens": sum(row["tokens"] for row in rows),
    }


STAGE = Stage("candidates", VERSION, settings, compute, outside=("model",), inputs=("data", "sft"))
