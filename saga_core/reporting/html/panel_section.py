"""The section of the hacking panel: what a model shows that has learned its judge's blind spots and no grammar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from saga_core.evaluation.signs import JUDGED, SIGNS, Sign
from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.reporting.html.figures import Change, Line, change_of, line
from saga_core.reporting.html.run_facts import Panel, RunFacts
from saga_core.reporting.html.strip import SCORE, Series, around, strip
from saga_core.reporting.results import Row
from saga_core.reporting.wording import SIGN_DECIMALS

_SIGNS = {sign.name: sign for sign in (*JUDGED, *SIGNS)}
# What a sign is, for a reader who has not met it.
_MEANINGS = {
    "judge_ps": "texts that pass the parser that rewarded",
    "evaluator_ps": "texts that pass the parser that measured",
    "distinct_2": "share of all word pairs that are different",
    "self_bleu": "how alike the texts are; lower is more varied",
    "duplicates": "texts whose words are those of another",
    "words": "short texts are easy to get right",
    "opener_entropy": "how varied the first words of sentences are",
    "mattr": "share of different words in a window",
    "language_share": "texts in the recipe’s language",
    "overlap": "word 4-grams that the chosen texts hold, too",
}
# Those with a natural range of 0 to 1 that are no rates.
_SCORES = frozenset({"distinct_2", "self_bleu", "mattr"})
_GAINS = {"judge": "By the judge", "evaluator": "By the evaluator", "ahead": "Judge's less evaluator's"}
_POINTS = Row("gain", "", True, True, 1)
_SERIES: tuple[Series, ...] = ("base", "final", "human")


@dataclass(frozen=True)
class Gain:
    """A gain in parse success: its name, a strip and its test."""

    name: str
    strip: Markup
    change: Change


@dataclass(frozen=True)
class PanelView:
    """The section: alarms first, then gains, then figures."""

    alarms: tuple[str, ...]
    gains: tuple[Gain, ...]
    lines: tuple[Line, ...]


def panel_view(facts: RunFacts) -> PanelView | None:
    """Return the section, or None where the run has no panel."""
    panel = facts.panel
    if panel is None:
        return None
    lines = tuple(_line(sign, panel) for name, sign in _SIGNS.items() if name in panel.figures)
    return PanelView(tuple(alarm.said for alarm in panel.alarms), _gains(panel.gains), lines)


def _line(sign: Sign, panel: Panel) -> Line:
    row = Row(
        sign.name,
        sign.label,
        not sign.higher_is_worse,
        sign.percent,
        1 if sign.percent else SIGN_DECIMALS.get(sign.name, 3),
    )
    values = {series: panel.figures[sign.name][series] for series in _SERIES if series in panel.figures[sign.name]}
    change = change_of(row, panel.comparisons.get(sign.name))
    axis = SCORE if sign.name in _SCORES else None if sign.percent else around(list(values.values()))
    return line(row, sign.label, _MEANINGS[sign.name], values, change, axis)


def _gains(gains: Mapping[str, Comparison]) -> tuple[Gain, ...]:
    estimates = {name: Estimate(gain.delta, gain.low, gain.high, 0) for name, gain in gains.items()}
    axis = around(list(estimates.values()), 0.0, percent=True)
    found = []
    for name, label in _GAINS.items():
        change = change_of(_POINTS, gains.get(name))
        if change is not None:
            title = f"Gain in parse success, {label.lower()}: {change.delta} {change.interval}"
            found.append(Gain(label, strip(title, [("final", estimates[name])], axis), change))
    return tuple(found)
