"""What a recipe's judge has to learn first: a parser from a treebank, and from raw text what is no sentence."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from saga_core.recipe import JudgeRequest
from tasks.stage import Stage, Work

VERSION = 1


def settings(recipe: JudgeRequest) -> dict[str, Any]:
    """Return the stage's slice of the recipe; treebank, parser and text are outside inputs."""
    judge = recipe.judge
    trained = {"steps": judge.steps} if judge.kind == "treebank" else {}
    return {"kind": judge.kind, **trained, "language": recipe.language, "seed": recipe.seed}


def skip(recipe: JudgeRequest, seen: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Say why nothing is learned: the recipe names a parser, and no text."""
    if recipe.judge.kind == "treebank" or recipe.judge.text is not None:
        return None
    return f"the recipe names a parser, {recipe.judge.kind}, and no text"


def compute(work: Work) -> dict[str, Any]:
    """Train the pipeline and score it on sentences that it has not seen; then learn from the text."""
    from saga_core.corpus.treebank import TreebankSentence
    from saga_core.corpus.treebank_files import fetch_treebank
    from saga_core.judges.protocol import load_parser
    from saga_core.judges.slip_text import slips_from_text
    from saga_core.judges.slips import save_slips
    from saga_core.judges.trained_pipeline import save_pipeline
    from saga_core.judges.training import read_parts, train_pipeline
    from saga_core.progress import progress

    recipe, settings = work.recipe, work.recipe.judge
    headline: dict[str, Any] = {}
    location, forms = work.outside["judge"].location, tuple[TreebankSentence, ...]()
    if settings.kind == "treebank":
        parts = read_parts(fetch_treebank(location, "judge.model"))
        with progress("training the judge", settings.steps, "steps") as tick:
            trained = train_pipeline(parts, recipe.language, settings.steps, recipe.seed, tick)
        save_pipeline(trained.nlp, work.out)
        sizes = {f"{name}_sentences": len(getattr(parts, name)) for name in ("train", "dev", "test")}
        headline |= {**trained.scores, "steps": trained.steps, **sizes}
        location, forms = str(work.out), tuple(parts.train)
    if settings.text is not None:
        parser = load_parser(settings.model_copy(update={"model": location}), recipe.language)
        text = Path(work.outside["judge_text"].location)
        slips, sentences = slips_from_text(text, parser, forms, recipe.language, recipe.seed)
        save_slips(slips, work.out)
        headline["text_sentences"] = sentences
    return headline


STAGE = Stage("judge", VERSION, settings, compute, outside=("judge", "judge_text"), skip=skip)
