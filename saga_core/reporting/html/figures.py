"""Figures as the page prints them: a table's row with its strip, and what a test says of a difference."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.reporting.finding import significant
from saga_core.reporting.html.strip import RATE, SCORE, Axis, Series, around, strip
from saga_core.reporting.results import Row, p_value

Tone = Literal["good", "bad", "plain"]
NAMES: Mapping[Series, str] = {"base": "Base", "final": "Aligned", "human": "Human text"}
_HYPHEN = re.compile(r"(?<![\w.])-(?=\d)")


@dataclass(frozen=True)
class Badge:
    """A verdict in a word or two: a sign, a tone and words, of which the words alone suffice."""

    tone: Tone
    words: str


@dataclass(frozen=True)
class Change:
    """A difference of two models with its test, as text, and what it amounts to."""

    delta: str
    interval: str
    p: str
    test: str
    badge: Badge


@dataclass(frozen=True)
class Line:
    """A figure of several models: its name, what it means, a strip, a cell each, and the difference.

    Attributes:
        name: Of the figure.
        meaning: What it is, in a few words; blank where the name says it.
        strip: The drawing.
        cells: Figure and interval by series.
        n: Number of units.
        change: Aligned minus base, or None where it was not tested.
        least: The smallest difference that the test would have found; blank where that is not known.
    """

    name: str
    meaning: str
    strip: Markup
    cells: Mapping[Series, tuple[str, str]]
    n: str
    change: Change | None
    least: str = ""


def line(
    row: Row,
    name: str,
    meaning: str,
    values: Mapping[Series, Estimate],
    change: Change | None,
    axis: Axis | None = None,
) -> Line:
    """Return a figure of several models.

    Args:
        row: How its numbers are written.
        name: See ``Line``.
        meaning: See ``Line``.
        values: Figure by series.
        change: See ``Line``.
        axis: Of the strip; None for the whole range of a rate or score, or the figures' own.
    """
    told = "; ".join(f"{NAMES[series].lower()} {row.cell(value)}" for series, value in values.items())
    drawn = strip(f"{name}: {told or 'no figure'}", list(values.items()), axis or axis_of(row, values))
    sizes = sorted({value.n for value in values.values()})
    return Line(
        name,
        meaning,
        drawn,
        {series: (typeset(row.figure(value)), typeset(row.interval(value))) for series, value in values.items()},
        " / ".join(f"{n:,}" for n in sizes),
        change,
    )


def axis_of(row: Row, values: Mapping[Series, Estimate]) -> Axis:
    """Return the whole range of a rate or of a score in 0..1, so that no small difference looks large; else theirs."""
    if row.percent:
        return RATE
    ends = [end for value in values.values() for end in (value.low, value.high, value.value) if math.isfinite(end)]
    return SCORE if row.higher and all(0.0 <= end <= 1.0 for end in ends) else around(list(values.values()))


def change_of(row: Row, comparison: Comparison | None) -> Change | None:
    """Return a difference with its test and verdict, None where there is none."""
    if comparison is None or not math.isfinite(comparison.delta):
        return None
    return Change(
        typeset(row.change(comparison.delta)),
        typeset(row.change_interval(comparison)),
        p_value(comparison.p),
        comparison.test,
        verdict(row, comparison),
    )


def verdict(row: Row, comparison: Comparison) -> Badge:
    """Return what a test says of a difference, at the 5% level."""
    if not significant(comparison):
        return Badge("plain", "not separable")
    return Badge("good", "better") if (comparison.delta > 0) == row.higher else Badge("bad", "worse")


def typeset(text: str) -> str:
    """Return text with a minus sign where a number has a hyphen."""
    return _HYPHEN.sub("−", text)
