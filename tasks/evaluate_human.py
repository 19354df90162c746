"""Human text under the prompts of the evaluation: what a model that writes like people would score."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from saga_core.recipe import Recipe
from tasks.measuring import store_result
from tasks.parsers import load_parser
from tasks.stage import Stage, Work

VERSION = 1


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the slice of the recipe that says how text is cut and judged."""
    measured = recipe.evaluation
    lengths = {"parse": measured.sampling.max_new_tokens}
    lengths |= {"summaries": measured.summaries.max_new_tokens} if measured.summaries else {}
    lengths |= {"reading": measured.reading.max_new_tokens} if measured.reading else {}
    return {
        "max_new_tokens": lengths,
        "scoring": recipe.scoring.model_dump(include={"mattr_window", "unit"}),
        "language": recipe.language,
        "bootstrap": measured.bootstrap,
        "seed": recipe.seed,
    }


def compute(work: Work) -> dict[str, Any]:
    """Judge what people wrote after the prompts, their summaries and their answers."""
    from saga_core.evaluation.human import HumanText
    from saga_core.evaluation.inputs import read_items
    from saga_core.evaluation.outcomes import EvaluationResult
    from saga_core.evaluation.suite import written_metrics
    from saga_core.generation.models import load_tokenizer
    from saga_core.progress import progress

    recipe, base, items = work.recipe, work.outside["model"], read_items(work.inputs["items"])
    measured = recipe.evaluation
    text = HumanText(
        load_tokenizer(base.location, revision=base.revision), load_parser(work, "evaluator"), recipe.language
    )
    texts = len(items.prompts) + len(items.summaries) + len(items.reading)
    with progress("human text", texts, "texts") as tick:
        limit, window = measured.sampling.max_new_tokens, recipe.scoring.mattr_window
        parsed = text.continuations(items.prompts, items.human, limit, window, tick)
        summaries = (
            text.summaries(items.summaries, measured.summaries.max_new_tokens, tick) if measured.summaries else []
        )
        answers = text.answers(items.reading, measured.reading.max_new_tokens, tick) if measured.reading else []
    result = EvaluationResult(tuple(parsed), (), (), tuple(summaries), tuple(answers))
    store_result(work.out, result)
    figures = written_metrics(result, recipe.seed, measured.bootstrap)
    return {"metrics": {name: asdict(value) for name, value in figures.items()}}


STAGE = Stage(
    "evaluate_human", VERSION, settings, compute, outside=("model", "evaluator"), inputs=("items",), pool="cpu"
)
