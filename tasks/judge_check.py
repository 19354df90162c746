"""The oracle itself is measured: does the training's judge tell right sentences from wrong ones?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saga_core.artifacts.tables import write_json
from saga_core.recipe import Recipe
from tasks.parsers import load_parser
from tasks.stage import Stage, Work

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
    """Check the judge on the treebank of the evaluation, from which nothing is trained here."""
    from saga_core.corpus.items import read_acceptability
    from saga_core.corpus.treebank import read_treebank
    from saga_core.judges.checking import check

    wanted = work.recipe.evaluation.acceptability
    labelled = read_acceptability(work.outside["acceptability"], wanted.source.split) if wanted else []
    treebank = read_treebank(Path(work.outside["treebank"].location))
    pairs = [(item.text, item.right) for item in labelled]
    found = check(load_parser(work, "judge"), treebank, [], pairs, _sentences(work.recipe), work.recipe.seed)
    findings = [{"group": f.group, "name": f.name, "measure": f.measure, **vars(f.estimate)} for f in found]
    write_json(work.out / "findings.json", findings)
    return {"findings": findings}


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
