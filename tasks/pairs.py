"""Pair filtering: best against worst candidate of a prompt, kept by gap and floor."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from saga_core.artifacts.tables import read_rows, write_json, write_rows
from saga_core.recipe import Recipe
from tasks.stage import Stage, Work

VERSION = 1

_ROW = {
    "prompt_id": "string",
    "prompt": "string",
    "chosen": "string",
    "rejected": "string",
    "chosen_score": "double",
    "rejected_score": "double",
    "chosen_temperature": "double",
    "rejected_temperature": "double",
    "chosen_finished": "bool",
    "rejected_finished": "bool",
}


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the stage's slice of the recipe."""
    return recipe.pairs.model_dump()


def compute(work: Work) -> dict[str, Any]:
    """Select the pairs and describe what was kept and why the rest was not."""
    from saga_core.preferences.pairs import ScoredCandidate, describe, select_pairs
    from saga_core.rewards.score import PARSE_FAILURE

    names = ("prompt_id", "prompt", "text", "score", "temperature", "k", "finished")
    rows = read_rows(work.inputs["scores"] / "scores.parquet")
    candidates = [ScoredCandidate(**{name: row[name] for name in names}) for row in rows]
    pairs = select_pairs(candidates, work.recipe.pairs)
    write_rows(work.out / "pairs.parquet", [asdict(pair) for pair in pairs], _ROW)
    unparsed = sum(pair.rejected_score == PARSE_FAILURE for pair in pairs)
    report = asdict(describe(candidates, pairs, work.recipe.pairs)) | {
        "rejected_unparsed": unparsed / len(pairs) if pairs else None
    }
    write_json(work.out / "report.json", report)
    return report


STAGE = Stage("pairs", VERSION, settings, compute, inputs=("scores",))
