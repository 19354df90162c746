"""Summaries: is what a model writes after a document grammatical?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saga_core.evaluation.statistics import Estimate, bootstrap_mean, wilson


@dataclass(frozen=True)
class SummaryItem:
    """A document to summarise.

    Attributes:
        id: Identity of the document.
        document: Its text.
        references: Summaries by people; what is measured needs none.
    """

    id: str
    document: str
    references: tuple[str, ...]


@dataclass(frozen=True)
class SummaryOutcome:
    """A generated summary and the verdict on it alone, without the document.

    Attributes:
        item_id: Identity of the document.
        text: What the model wrote, as drawn.
        passed: Whether its complete sentences all parse, and there is one.
        quality: Of a summary that passed, in (0, 1]; else 0.
    """

    item_id: str
    text: str
    passed: bool
    quality: float


def summ_ps(outcomes: Sequence[SummaryOutcome]) -> Estimate:
    """Estimate the share of summaries that parse."""
    return wilson(sum(o.passed for o in outcomes), len(outcomes))


def summ_score(outcomes: Sequence[SummaryOutcome], seed: int, resamples: int) -> Estimate:
    """Estimate the mean quality of summaries, 0 for one that does not parse."""
    return bootstrap_mean([o.quality for o in outcomes], seed, resamples)
