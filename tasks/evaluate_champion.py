"""Evaluation of the champion under a new run's prompts and documents, where its own were others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from saga_core.artifacts.tables import read_rows
from saga_core.corpus.sentences import split_sentences
from saga_core.recipe import Recipe
from tasks.measuring import measure_on, store_result
from tasks.models import load_base, with_adapter
from tasks.stage import Stage, Work

VERSION = 3

# A line of boilerplate is in every document of an encyclopaedia, and says little of the rest.
_SEEN = 0.1


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return what the parse success, the diversity and the perplexity depend on."""
    return {
        "evaluation": recipe.evaluation.model_dump(include={"sampling", "stride"}),
        "scoring": recipe.scoring.model_dump(include={"mattr_window", "unit"}),
        "language": recipe.language,
        "seed": recipe.seed,
    }


def compute(work: Work) -> dict[str, Any]:
    """Measure the champion on the run's held-out text, less what its own training has seen."""
    from dataclasses import replace

    from saga_core.evaluation.inputs import EvaluationInput

    data, language = work.inputs["data"], work.recipe.language
    prompts = read_rows(data / "heldout_prompts.parquet")
    documents = [row["text"] for row in read_rows(data / "heldout_documents.parquet")]
    items = EvaluationInput([(row["id"], row["prompt"]) for row in prompts], documents, (), (), ())
    model, tokenizer = load_base(work)
    result = measure_on(work, with_adapter(model, work.inputs["champion"] / "adapter"), tokenizer, items)
    seen = _seen(work)
    known = {row["id"] for row in prompts if row["sentence"].casefold() in seen}
    fresh = [_share(seen, split_sentences(text, language)) <= _SEEN for text in documents]
    # Left out afterwards: a document's id has its place among all of them.
    result = replace(
        result,
        parse=tuple(outcome for outcome in result.parse if outcome.prompt_id not in known),
        perplexity=tuple(outcome for outcome, is_fresh in zip(result.perplexity, fresh, strict=True) if is_fresh),
    )
    store_result(work.out, result)
    return {
        "prompts": len(result.parse),
        "prompts_seen_by_the_champion": len(known),
        "documents": len(result.perplexity),
        "documents_seen_by_the_champion": fresh.count(False),
    }


def _seen(work: Work) -> set[str]:
    """Return the sentences that the champion's training has seen."""
    data, language = work.inputs["champion_data"], work.recipe.language
    documents = [row["text"] for row in read_rows(data / "train_documents.parquet")]
    seen = {s.casefold() for text in documents for s in split_sentences(text, language)}
    return seen | {row["sentence"].casefold() for row in read_rows(data / "prompts.parquet")}


def _share(seen: Collection[str], sentences: Sequence[str]) -> float:
    return sum(sentence.casefold() in seen for sentence in sentences) / max(len(sentences), 1)


STAGE = Stage(
    "evaluate_champion",
    VERSION,
    settings,
    compute,
    outside=("model", "evaluator"),
    inputs=("data", "champion", "champion_data"),
    pool="gpu",
)
