"""Data preparation: corpus → train, prompts and held-out, with no overlap."""

from __future__ import annotations

from typing import Any

from saga_core.artifacts.tables import write_rows
from saga_core.recipe import Recipe
from tasks.stage import Stage, Work

VERSION = 1

_DOCUMENT = {"id": "string", "text": "string"}
_SENTENCE = {"document": "string", "text": "string"}
_PROMPT = {"id": "string", "prompt": "string", "sentence": "string"}


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the stage's slice of the recipe; the sources are among the outside inputs."""
    return {
        "corpus": recipe.corpus.model_dump(exclude={"sources", "title"}),
        "language": recipe.language,
        "seed": recipe.seed,
    }


def compute(work: Work) -> dict[str, Any]:
    """Read, clean and cut the corpus."""
    # Imported here so that planning does not pay for what only computing needs; so in every stage.
    from saga_core.corpus.sources import read_documents
    from saga_core.corpus.splits import prepare_documents, split
    from saga_core.progress import progress

    recipe = work.recipe
    sources = enumerate(recipe.corpus.sources)
    texts: list[str] = []
    with progress("reading documents", None, "documents") as tick:
        for i, source in sources:
            for text in read_documents(source, work.outside[f"corpus.{i}"], recipe.seed):
                texts.append(text)
                tick()
    with progress("cutting sentences", len(texts), "documents") as tick:
        documents = prepare_documents(texts, recipe.language, recipe.corpus, tick)
    parts = split(documents, recipe.corpus, recipe.seed, len(texts))
    for name, part in (("train_documents", parts.train), ("heldout_documents", parts.heldout)):
        rows = [{"id": document.id, "text": document.text} for document in part]
        write_rows(work.out / f"{name}.parquet", rows, _DOCUMENT)
    sentences = [{"document": d.id, "text": sentence} for d in parts.train for sentence in d.sentences]
    write_rows(work.out / "train_sentences.parquet", sentences, _SENTENCE)
    for name, prompts in (("prompts", parts.prompts), ("heldout_prompts", parts.heldout_prompts)):
        write_rows(work.out / f"{name}.parquet", [vars(prompt) for prompt in prompts], _PROMPT)
    return {
        "documents_read": parts.documents_read,
        "documents_used": len(documents),
        "train_sentences": len(sentences),
        "train_sentences_wanted": recipe.corpus.train_sentences,
        "prompts": len(parts.prompts),
        "prompts_wanted": recipe.corpus.prompts,
        "heldout_prompts": len(parts.heldout_prompts),
        "heldout_prompts_wanted": recipe.corpus.heldout_prompts,
        "heldout_documents": len(parts.heldout),
    }


STAGE = Stage("data", VERSION, settings, compute, outside=("corpus",))
