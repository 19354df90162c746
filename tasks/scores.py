"""Oracle scoring: the judge's verdict on every candidate, turned into a score."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from saga_core.artifacts.shards import Rows, make_rows
from saga_core.artifacts.tables import read_rows, write_rows
from saga_core.recipe import Recipe, ScoringSettings
from saga_core.rewards.score import score
from tasks.parsers import load_parser
from tasks.stage import Stage, Work

if TYPE_CHECKING:
    from saga_core.artifacts.shards import Compute
    from saga_core.judges.verdict import Verdict
    from saga_core.progress import Tick

VERSION = 2

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


def rows(work: Work) -> Rows[dict[str, Any]]:
    """Return the scores as rows to be made: one a candidate; one that has no complete sentence fails."""
    scoring = work.recipe.scoring

    def prepare() -> Compute[dict[str, Any]]:
        judge = load_parser(work, "judge")

        def judged(part: Sequence[dict[str, Any]], tick: Tick) -> list[dict[str, Any]]:
            texts = [row["prompt"] + row["text"] if row["text"] else "" for row in part]
            verdicts = judge.judge(texts, tick)
            return [_row(*each, scoring) for each in zip(part, texts, verdicts, strict=True)]

        return judged

    return Rows("scores", read_rows(work.inputs["candidates"] / "candidates.parquet"), prepare, _ROW, "texts")


def compute(work: Work) -> dict[str, Any]:
    """Judge and score every candidate."""
    made = make_rows(work.partial, rows(work), work.recipe.runtime.shard_rows, work.spread)
    write_rows(work.out / "scores.parquet", made, _ROW)
    passed = [row for row in made if row["passed"]]
    return {
        "candidates": len(made),
        "parse_success": len(passed) / len(made),
        "mean_score": sum(row["score"] for row in made) / len(made),
        "mean_quality_of_passed": sum(row["quality"] for row in passed) / len(passed) if passed else None,
    }


def _row(candidate: dict[str, Any], text: str, verdict: Verdict, scoring: ScoringSettings) -> dict[str, Any]:
    reasons = dict.fromkeys(reason for sentence in verdict.sentences for reason in sentence.reasons)
    return {name: candidate[name] for name in ("prompt_id", "prompt", "text", "temperature", "k", "finished")} | {
        "passed": verdict.passed,
        "quality": verdict.quality,
        "score": score(verdict, text, scoring),
        "reasons": json.dumps(list(reasons) if text else ["no complete sentence"], ensure_ascii=False),
    }


STAGE = Stage("scores", VERSION, settings, compute, outside=("judge",), inputs=("judge", "candidates"), rows=rows)
