"""Base PS probe: how often does the base model's text parse, by the training judge?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from saga_core.artifacts.shards import Rows, make_rows
from saga_core.artifacts.tables import read_rows, write_rows
from saga_core.recipe import Recipe
from tasks.models import load_base
from tasks.parsers import load_parser
from tasks.stage import Stage, Work

if TYPE_CHECKING:
    from saga_core.artifacts.shards import Compute
    from saga_core.progress import Tick

VERSION = 3

_ROW = {"prompt_id": "string", "text": "string", "passed": "bool", "quality": "double", "mattr": "double"}


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the stage's slice of the recipe."""
    return {
        "sampling": recipe.probe.model_dump(),
        **recipe.scoring.model_dump(include={"mattr_window", "unit", "pass_rule"}),
        "language": recipe.language,
        "seed": recipe.seed,
    }


def rows(work: Work) -> Rows[tuple[str, str]]:
    """Return the continuations as rows to be made: one a held-out prompt, drawn and judged."""
    recipe = work.recipe

    def prepare() -> Compute[tuple[str, str]]:
        from saga_core.evaluation.generated import Writer

        model, tokenizer = load_base(work)
        writer = Writer(
            model,
            tokenizer,
            load_parser(work, "judge"),
            recipe.probe,
            recipe.language,
            recipe.seed,
            recipe.runtime.generation_batch,
        )

        def drawn(part: Sequence[tuple[str, str]], tick: Tick) -> list[dict[str, Any]]:
            outcomes = writer.continuations(part, recipe.scoring.mattr_window, tick)
            return [{name: getattr(outcome, name) for name in _ROW} for outcome in outcomes]

        return drawn

    prompts = [(row["id"], row["prompt"]) for row in read_rows(work.inputs["data"] / "heldout_prompts.parquet")]
    return Rows("probe", prompts, prepare, _ROW, "draws and verdicts", steps=2)


def compute(work: Work) -> dict[str, Any]:
    """Sample one continuation a held-out prompt, judge each, and count."""
    from saga_core.evaluation.parse import ParseOutcome, parse_success

    made = make_rows(work.partial, rows(work), work.recipe.runtime.shard_rows, work.spread)
    write_rows(work.out / "probe.parquet", made, _ROW)
    outcomes = [ParseOutcome(**row) for row in made]
    rate = parse_success(outcomes)
    return {"parse_success": rate.value, "low": rate.low, "high": rate.high, "n": rate.n}


STAGE = Stage(
    "probe", VERSION, settings, compute, outside=("model", "judge"), inputs=("judge", "data"), pool="gpu", rows=rows
)
