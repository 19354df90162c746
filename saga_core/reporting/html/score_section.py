"""The section of the scores: what the judge thought of the texts, before and after, and what was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from saga_core.reporting.html.figures import NAMES
from saga_core.reporting.html.histogram import BINS, Spread, histogram, spread
from saga_core.reporting.html.run_facts import RunFacts
from saga_core.reporting.html.strip import Series

_BELOW = "score by the judge"
_SERIES: tuple[Series, ...] = ("base", "final", "human")
# What became of a prompt, as the stage names it and as people read it.
_FATES = (
    ("pairs", "became a pair"),
    ("dropped_gap", "best and worst too close"),
    ("dropped_floor", "best too low"),
    ("dropped_empty", "no text to judge"),
)


@dataclass(frozen=True)
class Histogram:
    """A histogram with its caption, and the same as a table: a row a score, a column a kind of text."""

    caption: str
    drawing: Markup
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Scores:
    """The section.

    Attributes:
        models: Scores before and after the training, or None.
        training: Scores of the candidates and of the pairs that were made of them, or None.
        fates: What became of the prompts, with counts.
    """

    models: Histogram | None
    training: Histogram | None
    fates: tuple[tuple[str, str], ...]


def scores(facts: RunFacts) -> Scores:
    """Return the section; its parts are None or empty where the run has none."""
    fates = tuple((said, f"{facts.pairs[key]:,}") for key, said in _FATES if key in facts.pairs)
    return Scores(_models(facts), _training(facts), fates)


def _models(facts: RunFacts) -> Histogram | None:
    found = facts.panel.scores if facts.panel else {}
    spreads = [spread(series, NAMES[series], found[series]) for series in _SERIES if found.get(series)]
    return _histogram("The judge's scores of held-out texts, before and after", spreads)


def _training(facts: RunFacts) -> Histogram | None:
    kinds = (("All candidates", facts.candidate_scores), ("Chosen", facts.chosen), ("Rejected", facts.rejected))
    return _histogram("What was trained on", [spread("other", label, found) for label, found in kinds if found])


def _histogram(caption: str, spreads: Sequence[Spread]) -> Histogram | None:
    if not spreads:
        return None
    told = "; ".join(f"{each.label}: {_percent(each.failed)} do not parse, n = {each.n:,}" for each in spreads)
    rows = [("does not parse (−1)", *(_percent(each.failed) for each in spreads))]
    for place in range(BINS):
        cells = [_percent(each.bins[place]) for each in spreads]
        if any(each.bins[place] for each in spreads):
            rows.append((f"{place / BINS:.2f} to {(place + 1) / BINS:.2f}", *cells))
    drawn = histogram(f"Histograms. {told}", spreads, _BELOW)
    return Histogram(caption, drawn, tuple(each.label for each in spreads), tuple(rows))


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
