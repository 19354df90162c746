"""The oracle itself is measured: does the training's judge tell right sentences from wrong ones?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saga_core.artifacts.tables import write_json
from saga_core.errors import UserError
from saga_core.outside import Outside
from saga_core.recipe import Recipe
from tasks.parsers import load_parser
from tasks.stage import Stage, Work

if TYPE_CHECKING:
    from saga_core.corpus.treebank import TreebankSentence

VERSION = 1

# Of each kind at most, and no more than models are measured on; an AUROC is then known to about three points.
_MOST = 500


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the stage's slice of the recipe; judge, treebank and labelled sentences are outside inputs."""
    return {
        **recipe.scoring.model_dump(include={"unit", "pass_rule"}),
        "sentences": _sentences(recipe),
        "language": recipe.language,
        "seed": recipe.seed,
    }


def compute(work: Work) -> dict[str, Any]:
    """Check the judge on the treebank of the evaluation, less what a judge that is trained here has learned from."""
    from saga_core.corpus.items import read_acceptability
    from saga_core.corpus.treebank import read_treebank
    from saga_core.judges.checking import check

    wanted = work.recipe.evaluation.acceptability
    labelled = read_acceptability(work.outside["acceptability"], wanted.source.split) if wanted else []
    treebank = read_treebank(Path(work.outside["treebank"].location))
    treebank = unlearned(work.recipe, work.outside, treebank)
    pairs = [(item.text, item.right) for item in labelled]
    found = check(load_parser(work, "judge"), treebank, [], pairs, _sentences(work.recipe), work.recipe.seed)
    findings = [{"group": f.group, "name": f.name, "measure": f.measure, **vars(f.estimate)} for f in found]
    write_json(work.out / "findings.json", findings)
    return {"findings": findings}


def unlearned(
    recipe: Recipe, outside: Mapping[str, Outside], treebank: list[TreebankSentence]
) -> list[TreebankSentence]:
    """Return the sentences of a treebank that a judge which is trained here has not learned from, or nearly.

    Args:
        recipe: The recipe.
        outside: The pinned outside inputs of the run.
        treebank: The sentences.

    Raises:
        UserError: There is none.
    """
    if recipe.judge.kind != "treebank":
        return treebank
    from saga_core.corpus.treebank_files import fetch_treebank
    from saga_core.evaluation.leakage import SeenText
    from saga_core.judges.training import read_parts

    parts = read_parts(fetch_treebank(outside["judge"].location, "judge.model"))
    learned = SeenText(sentence.text for sentence in (*parts.train, *parts.dev)).leaks(s.text for s in treebank)
    kept = [sentence for sentence in treebank if sentence.text not in learned]
    if not kept:
        what = "the judge has learned from every sentence of it"
        raise UserError(what, "evaluation.scala.treebank", "give one that is not the judge's own")
    return kept


def _sentences(recipe: Recipe) -> int:
    return min(_MOST, recipe.evaluation.scala.sentences)


STAGE = Stage(
    "judge_check",
    VERSION,
    settings,
    compute,
    outside=("judge", "treebank", "acceptability"),
    inputs=("judge",),
)
