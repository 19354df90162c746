"""The decision about a new adapter: compared with the champion on the same items, its reasons in its model card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saga_core.artifacts.champion import Entry
from saga_core.artifacts.tables import write_json
from saga_core.evaluation.guards import Guards
from saga_core.recipe import Recipe
from tasks.measuring import load_result
from tasks.results import LIBRARIES
from tasks.stage import Stage, Work

if TYPE_CHECKING:
    from saga_core.evaluation.outcomes import EvaluationResult
    from saga_core.reporting.results import Column

VERSION = 2

# The champion's evaluation: its own, or one on the new run's items.
_CHAMPION = ("champion", "evaluate_champion")


@dataclass(frozen=True)
class Terms:
    """What a promotion is decided by, beside the evaluations.

    Attributes:
        guards: The conditions.
        champion: The entry that the new adapter would follow, or None where there is no champion.
        refusals: Why no comparison can promote it, if anything.
    """

    guards: Guards
    champion: Entry | None
    refusals: tuple[str, ...]

    @property
    def called(self) -> str | None:
        """What the champion is called."""
        entry = self.champion
        return f"champion {entry.number} ({entry.champion.recipe})" if entry and entry.champion else None


def stage(terms: Terms) -> Stage:
    """Return the stage that decides by these terms; they are part of its key."""

    def settings(recipe: Recipe) -> dict[str, Any]:
        return {
            "guards": terms.guards.model_dump(),
            "champion": terms.called,
            "refusals": terms.refusals,
            "bootstrap": recipe.evaluation.bootstrap,
            "seed": recipe.seed,
        }

    return Stage(
        "promotion",
        VERSION,
        settings,
        lambda work: _compute(work, terms),
        inputs=("evaluate_base", "evaluate", "publish", *_CHAMPION),
    )


def _compute(work: Work, terms: Terms) -> dict[str, Any]:
    from saga_core.evaluation.promotion import decide
    from saga_core.reporting.plots import results_figure
    from saga_core.reporting.promotion import reasons, with_promotion

    sampling = (work.recipe.seed, work.recipe.evaluation.bootstrap)
    base, candidate = load_result(work.inputs["evaluate_base"]), load_result(work.inputs["evaluate"])
    measured = next((name for name in _CHAMPION if name in work.inputs), None)
    champion = load_result(work.inputs[measured]) if measured else None
    decision = decide(candidate, base, champion, terms.guards, *sampling, refusals=terms.refusals)
    left_out = _left_out(work.headlines[measured] if measured else {})
    write_json(work.out / "decision.json", decision.model_dump(mode="json") | {"champion": terms.called})
    card = (work.inputs["publish"] / "README.md").read_text(encoding="utf-8")
    (work.out / "README.md").write_text(with_promotion(card, decision, terms.called, left_out), encoding="utf-8")
    columns = _columns(base, champion, candidate, terms.called, sampling)
    labels = {"evaluator": LIBRARIES[work.recipe.evaluator.kind], "text": work.recipe.corpus.title}
    (work.out / "comparison.png").write_bytes(results_figure(columns, **labels))
    shown = ("before", "after", "change", "low", "high", "limit", "n", "passed")
    return {
        "verdict": decision.verdict,
        "champion": terms.called,
        "reasons": [*reasons(decision, terms.called), *left_out],
        "checks": {
            f"{check.metric}, {check.against}": {name: getattr(check, name) for name in shown}
            for check in decision.checks
        },
    }


def _left_out(measured: Mapping[str, Any]) -> list[str]:
    """Say what of the new items the champion's training had seen; its own evaluation has none of these."""
    counts = {name: measured.get(f"{name}_seen_by_the_champion", 0) for name in ("prompts", "documents")}
    return [
        f"{n} held-out {name} were left out of the comparison with the champion: its training has seen them"
        for name, n in counts.items()
        if n
    ]


def _columns(
    base: EvaluationResult,
    champion: EvaluationResult | None,
    candidate: EvaluationResult,
    called: str | None,
    sampling: tuple[int, int],
) -> list[Column]:
    """Return the figures of all that were compared, on the items that they have in common."""
    from saga_core.evaluation.diversity import mean_mattr
    from saga_core.evaluation.parse import parse_score, parse_success
    from saga_core.evaluation.perplexity import bits_per_byte, perplexity
    from saga_core.evaluation.promotion import restricted, unequal_items
    from saga_core.reporting.results import Column

    if champion is None or unequal_items(candidate, champion) is not None:
        champion, results = None, {"Base": base, "This": candidate}
    else:
        results = {"Base": base, (called or "Champion").capitalize(): champion, "This": candidate}
    columns = []
    for heading, whole in results.items():
        result = restricted(whole, champion) if champion else whole
        values = {
            "parse_success": parse_success(result.parse),
            "parse_score": parse_score(result.parse, *sampling),
            "ppl": perplexity(result.perplexity, *sampling),
            "bits_per_byte": bits_per_byte(result.perplexity, *sampling),
            "mattr": mean_mattr(result.parse, *sampling),
        }
        columns.append(Column(heading, values))
    return columns
