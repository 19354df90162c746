"""The hacking panel: the evaluation's texts judged by the training's judge, and the signs of a trick."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from saga_core.artifacts.tables import read_rows, write_json, write_rows
from saga_core.evaluation.language_share import identifier
from saga_core.recipe import Recipe
from tasks.measuring import load_result
from tasks.parsers import load_parser
from tasks.stage import Stage, Work

VERSION = 2

_EVALUATIONS = {"human": "evaluate_human", "base": "evaluate_base", "final": "evaluate"}
_ROW = {
    "model": "string",
    "item_id": "string",
    "judge_passed": "bool",
    "judge_quality": "double",
    "judge_score": "double",
    "evaluator_passed": "bool",
    "evaluator_quality": "double",
    "words": "int64",
    "mattr": "double",
    "language": "string",
    "duplicate": "bool",
    "self_bleu": "double",
    "overlap": "double",
}


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the stage's slice of the recipe."""
    return {
        "scoring": recipe.scoring.model_dump(),
        "language": recipe.language,
        "identifier": identifier(),
        "bootstrap": recipe.evaluation.bootstrap,
        "seed": recipe.seed,
    }


def compute(work: Work) -> dict[str, Any]:
    """Judge the texts of base, aligned model and people, and draw up the panel."""
    from saga_core.evaluation.panel import Judged, build_panel
    from saga_core.evaluation.parse import judge_texts
    from saga_core.progress import progress

    recipe, judge = work.recipe, load_parser(work, "judge")
    written = {model: load_result(work.inputs[stage]).parse for model, stage in _EVALUATIONS.items()}
    judged = {}
    with progress("judging", sum(map(len, written.values())), "texts") as tick:
        for model, outcomes in written.items():
            judged[model] = Judged(outcomes, judge_texts(judge, [outcome.judged for outcome in outcomes], tick))
    chosen = [row["chosen"] for row in read_rows(work.inputs["pairs"] / "pairs.parquet", columns=["chosen"])]
    panel = build_panel(judged, chosen, recipe.language, recipe.scoring, recipe.seed, recipe.evaluation.bootstrap)
    write_rows(work.out / "texts.parquet", [asdict(text) for text in panel.texts], _ROW)
    figures = {name: {model: asdict(e) for model, e in each.items()} for name, each in panel.figures.items()}
    told = {
        "figures": figures,
        "comparisons": {name: asdict(comparison) for name, comparison in panel.comparisons.items()},
        "gains": {name: asdict(comparison) for name, comparison in panel.gains.items()},
        "alarms": [asdict(alarm) for alarm in panel.alarms],
    }
    write_json(work.out / "panel.json", told)
    return told


STAGE = Stage(
    "panel",
    VERSION,
    settings,
    compute,
    outside=("judge",),
    inputs=("judge", "pairs", "evaluate_human", "evaluate_base", "evaluate"),
)
