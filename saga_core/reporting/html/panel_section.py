"""The section of the hacking panel: what a model shows that has learned its judge's blind spots and no grammar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from markupsafe import Markup

from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.reporting.html.figures import Badge, Change, Line, change_of, line
from saga_core.reporting.html.run_facts import Alarm, Panel, RunFacts
from saga_core.reporting.html.strip import SCORE, Axis, Series, around, strip
from saga_core.reporting.results import Row


@dataclass(frozen=True)
class _Kind:
    """A figure of the panel: its name, what it is, which way is better, and how its numbers are written."""

    label: str
    meaning: str
    better: Literal["higher", "lower", "neither"]
    percent: bool
    decimals: int
    axis: Axis | None = None


_KINDS = {
    "judge_ps": _Kind("Parse success, judge", "texts that pass the parser that rewarded", "higher", True, 1),
    "evaluator_ps": _Kind("Parse success, evaluator", "texts that pass the parser that measured", "higher", True, 1),
    "mattr": _Kind("MATTR", "share of different words in a window", "higher", False, 3, SCORE),
    "distinct_2": _Kind("Distinct word pairs", "share of all pairs that are different", "higher", False, 3, SCORE),
    "self_bleu": _Kind("Self-BLEU", "how alike the texts are; lower is more varied", "lower", False, 3, SCORE),
    "opener_entropy": _Kind("Entropy of openings", "how varied the first words are, in bits", "higher", False, 2),
    "words": _Kind("Words a text", "longer or shorter than before?", "neither", False, 1),
    "duplicates": _Kind("Duplicates", "texts that occur more than once", "lower", True, 1),
    "language_share": _Kind("In the language", "texts in the recipe’s language", "higher", True, 1),
    "overlap": _Kind("Copied", "overlap with the training text", "lower", False, 3, SCORE),
}
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

    alarms: tuple[Alarm, ...]
    gains: tuple[Gain, ...]
    lines: tuple[Line, ...]


def panel_view(facts: RunFacts) -> PanelView | None:
    """Return the section, or None where the run has no panel."""
    panel = facts.panel
    if panel is None:
        return None
    known = [*(name for name in _KINDS if name in panel.figures), *(n for n in panel.figures if n not in _KINDS)]
    return PanelView(tuple(panel.alarms), _gains(panel.gains), tuple(_line(name, panel) for name in known))


def alarm_name(alarm: Alarm) -> str:
    """Return an alarm's name as people read it."""
    return _KINDS[alarm.name].label if alarm.name in _KINDS else alarm.name.replace("_", " ")


def _line(name: str, panel: Panel) -> Line:
    kind = _KINDS.get(name, _Kind(name, "", "neither", False, 3))
    row = Row(name, kind.label, kind.better == "higher", kind.percent, kind.decimals)
    values = {series: panel.figures[name][series] for series in _SERIES if series in panel.figures[name]}
    change = change_of(row, panel.comparisons.get(name))
    if change is not None and kind.better == "neither" and change.badge.words != "not separable":
        change = replace(change, badge=Badge("plain", "changed"))
    return line(row, kind.label, kind.meaning, values, change, kind.axis)


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
