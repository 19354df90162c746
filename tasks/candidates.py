"""Candidate generation: N row-seeded continuations a prompt, each trimmed to its last complete sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from saga_core.artifacts.shards import Rows, make_rows
from saga_core.artifacts.tables import read_rows, write_rows
from saga_core.recipe import Recipe
from tasks.models import load_policy
from tasks.stage import Stage, Work

if TYPE_CHECKING:
    from saga_core.artifacts.shards import Compute
    from saga_core.generation.request import Completion, Request
    from saga_core.progress import Tick

VERSION = 2

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
    return {"generation": recipe.generation.model_dump(), "language": recipe.language, "seed": recipe.seed_of_training}


def rows(work: Work) -> Rows[Request]:
    """Return the candidates as rows to be made: so many draws of each prompt at each temperature."""
    from saga_core.generation.request import Request

    recipe, wanted = work.recipe, work.recipe.generation
    requests = [
        Request(row["id"], row["prompt"], temperature, k)
        for row in read_rows(work.inputs["data"] / "prompts.parquet")
        for temperature in wanted.temperatures
        for k in range(wanted.per_temperature)
    ]

    def prepare() -> Compute[Request]:
        from saga_core.generation.sampler import sample

        model, tokenizer = load_policy(work)

        def draw(part: Sequence[Request], tick: Tick) -> list[dict[str, Any]]:
            completions = sample(
                model,
                tokenizer,
                part,
                max_new_tokens=wanted.max_new_tokens,
                repetition_penalty=wanted.repetition_penalty,
                seed=recipe.seed_of_training,
                batch_size=recipe.runtime.generation_batch,
                tick=tick,
            )
            return [_row(completion, recipe.language) for completion in completions]

        return draw

    return Rows("candidates", requests, prepare, _ROW, "rows")


def compute(work: Work) -> dict[str, Any]:
    """Sample, trim, and write one row a candidate."""
    made = make_rows(work.partial, rows(work), work.recipe.runtime.shard_rows, work.spread)
    write_rows(work.out / "candidates.parquet", made, _ROW)
    return {
        "prompts": len({row["prompt_id"] for row in made}),
        "candidates": len(made),
        "finished": sum(row["finished"] for row in made),
        "trimmed": sum(row["trimmed"] for row in made),
        "without_complete_sentence": sum(not row["text"] for row in made),
        "tokens": sum(row["tokens"] for row in made),
    }


def _row(completion: Completion, language: str) -> dict[str, Any]:
    from saga_core.generation.trim import trim_to_complete

    prompt = completion.request.prompt
    text = completion.text if completion.finished else trim_to_complete(prompt, completion.text, language)
    return {
        "prompt_id": completion.request.key,
        "prompt": prompt,
        "text": text,
        "temperature": completion.request.temperature,
        "k": completion.request.k,
        "tokens": completion.tokens,
        # A text cut by us ended nowhere: no end-of-text may be taught after it.
        "finished": completion.finished,
        "trimmed": text != completion.text,
    }


STAGE = Stage(
    "candidates", VERSION, settings, compute, outside=("model",), inputs=("data", "sft"), pool="gpu", rows=rows
)
