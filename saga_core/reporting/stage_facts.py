"""What the page of a stage is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.reporting.results import Column

# The scores of a trained judge: as people read them, and as its artifact's figures name them.
JUDGE_SCORES = (
    ("UAS", "uas"),
    ("LAS", "las"),
    ("UPOS", "upos"),
    ("Features", "feats"),
    ("Sentence F1", "sentences"),
    ("Slips, AUROC", "slips"),
)


@dataclass(frozen=True)
class StageFacts:
    """What became of a stage, and the figures of its artifact.

    Attributes:
        stage: Name of the stage.
        state: ``computed``, ``cached``, ``skipped`` or ``refused``.
        why: The reason, in words.
        seconds: Wall-clock seconds that making the artifact took; 0 where there is none.
        headline: The artifact's figures in brief; empty where there is none.
        settings: The stage's slice of the recipe; empty where there is no artifact.
        judge: Name of the judging parser, such as ``spaCy``.
        evaluator: Name of the evaluating parser, such as ``Stanza``.
        text: Name of the held-out text of the perplexity, such as ``Wiki``.
        columns: Figures of the evaluations: the base first; empty for stages that have none.
        comparisons: Paired comparison, final model minus base, by metric.
    """

    stage: str
    state: str
    why: str
    seconds: float
    headline: Mapping[str, Any]
    settings: Mapping[str, Any]
    judge: str
    evaluator: str
    text: str
    columns: tuple[Column, ...] = ()
    comparisons: Mapping[str, Comparison] | None = None

    @property
    def base_ps(self) -> Estimate:
        """The probe's parse success of the base, of a probe or gate."""
        return Estimate(*(self.headline[name] for name in ("parse_success", "low", "high", "n")))
