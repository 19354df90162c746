"""Loading the two parsers of a recipe, as pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tasks.stage import Work

if TYPE_CHECKING:
    from saga_core.judges.protocol import Judge
    from saga_core.judges.rules import Unit


def load_parser(work: Work, which: Literal["judge", "evaluator"], unit: Unit | None = None) -> Judge:
    """Load the training judge or the held-out evaluator, as pinned.

    Args:
        work: The stage's work.
        which: Which of the recipe's two parsers.
        unit: The judged unit; default: the recipe's.
    """
    from saga_core.generation.models import resolve_device
    from saga_core.judges.protocol import load_judge

    recipe = work.recipe
    settings = recipe.judge if which == "judge" else recipe.evaluator
    # What a recipe's treebank became is an artifact of this run; everything else is where it was pinned.
    trained = settings.kind == "treebank"
    location = str(work.inputs["judge"]) if trained else work.outside[which].location
    pinned = settings.model_copy(update={"model": location})
    judge = load_judge(
        pinned,
        recipe.language,
        unit or recipe.scoring.unit,
        workers=recipe.runtime.workers,
        use_gpu=resolve_device(recipe.runtime.device) != "cpu",
    )
    if which == "evaluator" or recipe.scoring.pass_rule == "saga":
        return judge
    from saga_core.judges.grammar import GrammarJudge
    from saga_core.judges.grammar_model import load_grammar

    return GrammarJudge(judge, load_grammar(work.inputs["judge"]))
