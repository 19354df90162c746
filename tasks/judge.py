"""What a recipe's judge has to learn first: a parser from a treebank, and from it or text what is no sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from saga_core.artifacts.fingerprint import hash_tree
from saga_core.errors import UserError
from saga_core.recipe import JudgeRequest
from tasks.stage import Stage, Work

VERSION = 3


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
    from saga_core.judges.grammar_model import save_grammar
    from saga_core.judges.grammar_training import divide, learn_grammar
    from saga_core.judges.protocol import load_parser
    from saga_core.judges.slip_text import read_slip_text
    from saga_core.judges.trained_pipeline import save_pipeline
    from saga_core.judges.training import read_parts, train_pipeline
    from saga_core.progress import progress

    recipe, settings = work.recipe, work.recipe.judge
    headline: dict[str, Any] = {}
    # First, for what is wrong with it should not come out after minutes of training.
    text = read_slip_text(Path(work.outside["judge_text"].location), recipe.language) if settings.text else None
    location = work.outside["judge"].location
    train: Sequence[TreebankSentence] = ()
    dev: Sequence[TreebankSentence] = ()
    if settings.kind == "treebank":
        files = fetch_treebank(location, "judge.model")
        if {part: hash_tree(path) for part, path in files.items()} != work.outside["judge"].identity["files"]:
            raise UserError("the treebank has changed since the run began", f"judge.model {location}", "run it again")
        parts = read_parts(files)
        # Too few sentences are told now, too.
        divide(text, parts.train, parts.dev)
        with progress("training the judge", settings.steps, "steps") as tick:
            trained = train_pipeline(parts, recipe.language, settings.steps, recipe.seed, tick)
        save_pipeline(trained.nlp, work.out)
        sizes = {f"{name}_sentences": len(getattr(parts, name)) for name in ("train", "dev", "test")}
        headline |= {**trained.scores, "steps": trained.steps, **sizes}
        location, train, dev = str(work.out), parts.train, parts.dev
    parser = load_parser(settings.model_copy(update={"model": location}), recipe.language)
    grammar = learn_grammar(text, parser, train, dev, recipe.language, recipe.seed)
    save_grammar(grammar.model, work.out)
    headline |= {"slips": grammar.auroc, "heldout_sentences": grammar.heldout}
    return headline | ({"text_sentences": len(text.train)} if text else {})


STAGE = Stage("judge", VERSION, settings, compute, outside=("judge", "judge_text"), skip=skip)
