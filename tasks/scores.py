"""Oracle scoring: the judge's verdict on every candidate, turned into a score."""

from __future__ import annotations

import json
from typing import Any

from saga_core.artifacts.tables import read_rows, write_rows
from saga_core.recipe import Recipe
from tasks.parsers import load_parser
from tasks.stage import Stage, Work

VERSION = 1

_ROW = {
    "prompt_id": "string",
    "prompt": "string",
    "text": "string",
    "temperature": "double",
    "k": "int64",
    "finished": "bool",
    "passed": "bool",
    "quality": "double",
    "score": "double",
    "reasons": "string",
}


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the stage's slice of the recipe."""
    return {"scoring": recipe.scoring.model_dump(), "language": recipe.language}


def compute(work: Work) -> dict[str, Any]:
    """Judge and score every candidate that has a complete sentence; the others fail."""
    from saga_core.progress import progress
    from saga_core.rewards.score import score

    recipe = work.recipe
    candidates = read_rows(work.inputs["candidates"] / "candidates.parquet")
    judge = load_parser(work, "judge")
    texts = [row["prompt"] + row["text"] if row["text"] else "" for row in candidates]
    with progress("scores", len(texts), "texts") as tick:
        verdicts = judge.judge(texts, tick)
    rows = []
    for row, text, verdict in zip(candidates, texts, verdicts, strict=True):
        reasons = dict.fromkeys(reason for sentence in verdict.sentences for reason in sentence.reasons)
        rows.append(
            {name: row[name] for name in ("prompt_id", "prompt", "text", "temperature", "k", "finished")}
            | {
                "passed": verdict.passed,
                "quality": verdict.quality,
                "score": score(verdict, text, recipe.scoring),
                "reasons": json.dumps(list(reasons) if text else ["no complete sentence"], ensure_ascii=False),
            }
        )
    write_rows(work.out / "scores.parquet", rows, _ROW)
    passed = [row for row in rows if row["passed"]]
    return {
        "candidates": len(rows),
        "parse_success": len(passed) / len(rows),
        "mean_score": sum(row["score"] for row in rows) / len(rows),
        "mean_quality_of_passed": sum(row["quality"] for row in passed) / len(passed) if passed else None,
    }


STAGE = Stage("scores", VERSION, settings, compute, outside=("judge",), inputs=("candidates",))
