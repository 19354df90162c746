"""What models are measured on, gathered once before anything is trained, less what the training has seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from saga_core.artifacts.tables import read_rows, write_json
from saga_core.corpus.sentences import split_sentences
from saga_core.recipe import Recipe
from tasks.stage import Stage, Work

if TYPE_CHECKING:
    from saga_core.evaluation.gathering import Found

VERSION = 1


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the stage's slice of the recipe; where items come from is among the outside inputs."""
    wanted = recipe.evaluation
    counts = {"scala": wanted.scala.sentences}
    counts |= {"summaries": wanted.summaries.items} if wanted.summaries else {}
    counts |= {"reading": wanted.reading.items} if wanted.reading else {}
    counts |= {"acceptability": wanted.acceptability.sentences} if wanted.acceptability else {}
    return {"items": counts, "on_leak": wanted.on_leak, "language": recipe.language, "seed": recipe.seed}


def compute(work: Work) -> dict[str, Any]:
    """Leave out what the training has seen, or fail for it; draw the items, and look once more at what was stored."""
    from dataclasses import asdict

    from saga_core.evaluation.gathering import check, gather
    from saga_core.evaluation.inputs import read_items, write_items
    from saga_core.evaluation.leakage import SeenText

    recipe = work.recipe
    seen = SeenText(_seen(work))
    gathered = gather(_found(work), seen, recipe.evaluation, recipe.language, recipe.seed)
    write_items(work.out, gathered.items)
    items = read_items(work.out)
    check(items, seen, recipe.language)
    nearest = sorted(gathered.leaks, key=lambda leak: (-leak.similarity, leak.sentence))
    write_json(work.out / "left_out.json", [asdict(leak) for leak in nearest])
    return {
        "prompts": len(items.prompts),
        "documents": len(items.heldout_documents),
        "scala": len(items.scala),
        "summaries": len(items.summaries),
        "reading": len(items.reading),
        "acceptability": len(items.acceptability),
        "left_out": gathered.left_out,
    }


def _seen(work: Work) -> list[str]:
    """Return every sentence that the training reads: of its documents, and those that prompts begin."""
    data, language = work.inputs["data"], work.recipe.language
    documents = [row["text"] for row in read_rows(data / "train_documents.parquet")]
    sentences = [s for text in documents for s in split_sentences(text, language)]
    return sentences + [row["sentence"] for row in read_rows(data / "prompts.parquet")]


def _found(work: Work) -> Found:
    from saga_core.corpus.items import read_acceptability, read_questions, read_summaries
    from saga_core.corpus.splits import Prompt
    from saga_core.corpus.treebank import read_treebank
    from saga_core.evaluation.gathering import Found

    data, wanted, outside = work.inputs["data"], work.recipe.evaluation, work.outside
    summaries, reading, acceptability = wanted.summaries, wanted.reading, wanted.acceptability
    language = work.recipe.language
    questions = read_questions(outside["reading"], reading.source.split) if reading else []
    return Found(
        prompts=[Prompt(**row) for row in read_rows(data / "heldout_prompts.parquet")],
        documents=[row["text"] for row in read_rows(data / "heldout_documents.parquet")],
        treebank=read_treebank(Path(outside["treebank"].location)),
        summaries=read_summaries(outside["summaries"], summaries.source.split, language) if summaries else [],
        # One a context: intervals and tests take the items for independent.
        reading=list({question.context: question for question in questions}.values()),
        acceptability=(
            read_acceptability(outside["acceptability"], acceptability.source.split) if acceptability else []
        ),
    )


STAGE = Stage(
    "items",
    VERSION,
    settings,
    compute,
    outside=("treebank", "summaries", "reading", "acceptability"),
    inputs=("data",),
)
