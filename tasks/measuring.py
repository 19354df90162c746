"""What the evaluations of models share: the measuring, its figures, and the rows of items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from saga_core import languages
from saga_core.artifacts.shards import Rows, make_rows
from saga_core.artifacts.tables import read_rows, write_rows
from saga_core.recipe import Recipe
from tasks.parsers import load_parser
from tasks.stage import Work

if TYPE_CHECKING:
    from saga_core.artifacts.shards import Compute
    from saga_core.evaluation.inputs import EvaluationInput
    from saga_core.evaluation.outcomes import EvaluationResult, Outcome
    from saga_core.evaluation.suite import Measure
    from saga_core.progress import Tick

Item = TypeVar("Item")


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the slice of the recipe that both evaluations have."""
    # How many items are drawn, and from where, is told by the items themselves.
    of_items = {"source", "items"}
    return {
        "evaluation": recipe.evaluation.model_dump(
            exclude={"scala": True, "acceptability": True, "on_leak": True, "summaries": of_items, "reading": of_items}
        ),
        "scoring": recipe.scoring.model_dump(include={"mattr_window", "unit"}),
        "language": recipe.language,
        "seed": recipe.seed,
    }


def measure(work: Work, model: Any, tokenizer: Any) -> EvaluationResult:  # noqa: ANN401 - transformers' models
    """Measure a model on every task, and store the items' rows."""
    from saga_core.evaluation.inputs import read_items

    result = measure_on(work, model, tokenizer, read_items(work.inputs["items"]))
    store_result(work.out, result)
    return result


def measure_on(work: Work, model: Any, tokenizer: Any, items: EvaluationInput) -> EvaluationResult:  # noqa: ANN401
    """Measure a model with the parser that took no part in the training, on some items."""
    from saga_core.evaluation.suite import evaluate

    recipe, language = work.recipe, languages.get(work.recipe.language)
    return evaluate(
        model,
        tokenizer,
        load_parser(work, "evaluator"),
        items,
        recipe.evaluation,
        recipe.language,
        language.summary_prompt,
        language.reading_prompt,
        recipe.scoring,
        recipe.seed,
        recipe.runtime.generation_batch,
        _in_shards(work),
    )


def _in_shards(work: Work) -> Measure:
    from saga_core.evaluation.outcomes import ROW_SCHEMA, outcome_of, row_of

    def run(
        task: str,
        items: Sequence[Any],
        measure: Callable[[Sequence[Any], Tick], Sequence[Outcome]],
        unit: str,
        steps: int,
    ) -> list[Any]:
        def prepare() -> Compute[Any]:
            return lambda part, tick: [row_of(task, outcome) for outcome in measure(part, tick)]

        rows = Rows(task, items, prepare, ROW_SCHEMA, unit, steps)
        made = make_rows(work.partial, rows, work.recipe.runtime.shard_rows)
        return [outcome_of(row, number) for number, row in enumerate(made)]

    return run


def figures(work: Work, result: EvaluationResult) -> dict[str, Any]:
    """Return every metric, and what ScaLA's one figure hides, with intervals."""
    from saga_core.evaluation.scala import breakdown
    from saga_core.evaluation.suite import metrics

    resampling = (work.recipe.seed, work.recipe.evaluation.bootstrap)
    found = {"metrics": metrics(result, *resampling), "scala": breakdown(result.scala, *resampling)}
    return {name: {key: asdict(value) for key, value in group.items()} for name, group in found.items()}


def store_result(folder: Path, result: EvaluationResult) -> None:
    """Write every item's row, so that a comparison can be made from the artifact alone."""
    from saga_core.evaluation.outcomes import ROW_SCHEMA

    write_rows(folder / "items.parquet", result.to_rows(), ROW_SCHEMA)


def load_result(folder: Path) -> EvaluationResult:
    """Read what ``store_result`` wrote."""
    from saga_core.evaluation.outcomes import EvaluationResult

    return EvaluationResult.from_rows(read_rows(folder / "items.parquet"))
