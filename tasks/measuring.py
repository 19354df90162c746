"""What both evaluations share: the items, kept apart from the training text, and the measuring itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from saga_core import languages
from saga_core.artifacts.shards import Rows, make_rows
from saga_core.artifacts.tables import read_rows, write_rows
from saga_core.corpus.sentences import clean, split_sentences
from saga_core.errors import UserError
from saga_core.recipe import Recipe
from tasks.parsers import load_parser
from tasks.stage import Work

if TYPE_CHECKING:
    from saga_core.artifacts.shards import Compute
    from saga_core.evaluation.reading import ReadingItem
    from saga_core.evaluation.suite import EvaluationInput, EvaluationResult, Measure, Outcome
    from saga_core.evaluation.summaries import SummaryItem
    from saga_core.progress import Tick

Item = TypeVar("Item")


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the slice of the recipe that both evaluations have."""
    source = {"source"}
    return {
        "evaluation": recipe.evaluation.model_dump(
            exclude={"scala": {"treebank"}, "summaries": source, "reading": source}
        ),
        "scoring": recipe.scoring.model_dump(include={"mattr_window", "unit"}),
        "language": recipe.language,
        "seed": recipe.seed,
    }


def measure(work: Work, model: Any, tokenizer: Any) -> EvaluationResult:  # noqa: ANN401 - transformers' models
    """Measure a model on every task, and store the items' rows."""
    result = measure_on(work, model, tokenizer, evaluation_input(work))
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
    from saga_core.evaluation.suite import ROW_SCHEMA, outcome_of, row_of

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


def evaluation_input(work: Work) -> EvaluationInput:
    """Gather the items, less those of which the training has seen a sentence.

    Raises:
        UserError: Nothing is left to measure with.
    """
    from saga_core.corpus.items import read_questions, read_summaries
    from saga_core.corpus.treebank import read_treebank
    from saga_core.evaluation.scala import build_pairs
    from saga_core.evaluation.suite import EvaluationInput

    recipe, data, wanted = work.recipe, work.inputs["data"], work.recipe.evaluation
    documents = [row["text"] for row in read_rows(data / "train_documents.parquet")]
    seen = {s.casefold() for text in documents for s in split_sentences(text, recipe.language)}
    seen |= {row["sentence"].casefold() for row in read_rows(data / "prompts.parquet")}

    def unseen(text: str) -> bool:
        return not any(s.casefold() in seen for s in split_sentences(clean(text), recipe.language))

    treebank = [s for s in read_treebank(Path(work.outside["treebank"].location)) if s.text.casefold() not in seen]
    summaries: list[SummaryItem] = []
    if wanted.summaries:
        found = read_summaries(work.outside["summaries"], wanted.summaries.source.split, recipe.language)
        summaries = _draw(found, lambda i: unseen(i.document), wanted.summaries.items, recipe.seed, "summaries")
    questions: list[ReadingItem] = []
    if wanted.reading:
        asked = read_questions(work.outside["reading"], wanted.reading.source.split)
        # One a context: intervals and tests take the items for independent.
        asked = list({question.context: question for question in asked}.values())
        questions = _draw(asked, lambda i: unseen(i.context), wanted.reading.items, recipe.seed, "reading")
    return EvaluationInput(
        prompts=[(row["id"], row["prompt"]) for row in read_rows(data / "heldout_prompts.parquet")],
        heldout_documents=[row["text"] for row in read_rows(data / "heldout_documents.parquet")],
        scala=build_pairs(treebank, wanted.scala.sentences, recipe.seed),
        summaries=summaries,
        reading=questions,
    )


def _draw(items: Sequence[Item], unseen: Callable[[Item], bool], wanted: int, seed: int, name: str) -> list[Item]:
    """Draw items at random among those that the training has not seen."""
    kept = [item for item in items if unseen(item)]
    if not kept:
        what = f"the training text holds a sentence of every one of the {len(items)} items"
        raise UserError(what, f"evaluation.{name}.source", "give items that are not part of the corpus")
    random.Random(f"{seed}/{name}").shuffle(kept)
    return kept[:wanted]


def figures(work: Work, result: EvaluationResult) -> dict[str, Any]:
    """Return every metric, and what ScaLA's one figure hides, with intervals."""
    from saga_core.evaluation.scala import breakdown
    from saga_core.evaluation.suite import metrics

    resampling = (work.recipe.seed, work.recipe.evaluation.bootstrap)
    found = {"metrics": metrics(result, *resampling), "scala": breakdown(result.scala, *resampling)}
    return {name: {key: asdict(value) for key, value in group.items()} for name, group in found.items()}


def store_result(folder: Path, result: EvaluationResult) -> None:
    """Write every item's row, so that a comparison can be made from the artifact alone."""
    from saga_core.evaluation.suite import ROW_SCHEMA

    write_rows(folder / "items.parquet", result.to_rows(), ROW_SCHEMA)


def load_result(folder: Path) -> EvaluationResult:
    """Read what ``store_result`` wrote."""
    from saga_core.evaluation.suite import EvaluationResult

    return EvaluationResult.from_rows(read_rows(folder / "items.parquet"))
