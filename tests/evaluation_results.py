"""Made-up evaluations of chosen quality, on the same items whatever their seed."""

from __future__ import annotations

import numpy as np

from saga_core.evaluation.acceptability import AcceptabilityOutcome
from saga_core.evaluation.outcomes import EvaluationResult, Outcome, row_of
from saga_core.evaluation.parse import ParseOutcome
from saga_core.evaluation.perplexity import DocumentOutcome
from saga_core.evaluation.reading import ReadingOutcome
from saga_core.evaluation.scala import ScalaOutcome
from saga_core.evaluation.summaries import SummaryOutcome

_WORDS = ("Han", "leser", "en", "bok", "og", "hun", "skriver", "brev", "i", "dag", "ofte", "her")


def result_of(
    seed: int,
    *,
    passing: float = 0.8,
    nll: float = 5.0,
    apart: float = 0.3,
    items: int = 60,
    tokens: int = 40,
    others: str = "",
    reading: bool = True,
) -> EvaluationResult:
    """Draw an evaluation.

    Args:
        seed: Of what the models do; how hard an item is does not depend on it.
        passing: How likely a text parses.
        nll: Nats a token.
        apart: By how much intact sentences are likelier.
        items: Items a task.
        tokens: Tokens a document.
        others: Prefix of the ids, where the items are to be others.
        reading: Whether questions and summaries are measured.
    """
    rng, hard = np.random.default_rng(seed), np.random.default_rng(99).random(items)
    outcomes: list[tuple[str, Outcome]] = []
    for i in range(items):
        name, ok = f"{others}{i}", bool(0.5 * hard[i] + 0.5 * rng.random() < passing)
        good, text = rng.normal(-4.0, 0.3), " ".join(rng.choice(_WORDS, 8))
        outcomes += [
            ("parse", ParseOutcome(name, text, ok, ok * rng.uniform(0.6, 1.0), rng.uniform(0.8, 1.0))),
            ("perplexity", DocumentOutcome(name, tokens * (nll + hard[i] + 0.1 * rng.normal()), tokens, 5 * 40)),
            ("scala", ScalaOutcome(name, "flip", good, good - apart + rng.normal(0, 0.4))),
            ("acceptability", AcceptabilityOutcome(name, i % 2 == 0, good - apart * (i % 2))),
        ]
        if reading:
            outcomes += [
                ("summaries", SummaryOutcome(name, text, ok, ok * rng.uniform(0.6, 1.0))),
                ("reading", ReadingOutcome(name, "svar", ok, float(ok), rng.uniform(0, 0.2), rng.random() < 0.2)),
            ]
    return EvaluationResult.from_rows(row_of(task, outcome) for task, outcome in outcomes)
