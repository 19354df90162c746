"""A strip: one figure of several models on one axis, each with its interval, a lane each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from saga_core.evaluation.statistics import Estimate
from saga_core.reporting.html.svg import WIDTH, add, drawing, mark, markup, padded, tick_labels, ticks

Series = Literal["base", "final", "human"]

_EDGE = 18.0
_LANE = 15.0
_BELOW = 22.0


@dataclass(frozen=True)
class Axis:
    """The range of a strip.

    Attributes:
        low: Left end.
        high: Right end.
        ticks: Where a number stands.
        percent: Whether the numbers are shares in 0..1, shown in per cent.
        reference: Where a dashed line stands, such as chance or no difference; None for none.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    percent: bool = False
    reference: float | None = None

    def x(self, value: float) -> float:
        """Return where a value lies, in CSS pixels; what is outside lies on the nearer end."""
        share = (value - self.low) / (self.high - self.low)
        return _EDGE + min(max(share, 0.0), 1.0) * (WIDTH - 2 * _EDGE)


RATE = Axis(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0), percent=True)
SCORE = Axis(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0))


def around(estimates: Sequence[Estimate], reference: float | None = None, *, percent: bool = False) -> Axis:
    """Return an axis of the figures' own range, for those that have no natural one.

    Args:
        estimates: The figures.
        reference: A value that the axis shows in any case, or None.
        percent: See ``Axis``.
    """
    values = [x for e in estimates for x in (e.value, e.low, e.high) if math.isfinite(x)]
    values += [reference] if reference is not None else []
    low, high = padded(values or [0.0, 1.0])
    return Axis(low, high, tuple(ticks(low, high)), percent, reference)


def strip(title: str, marks: Sequence[tuple[Series, Estimate]], axis: Axis) -> Markup:
    """Return a strip as inline SVG.

    Args:
        title: What it shows, figures included, for those who cannot see it.
        marks: The figures from top to bottom; one that is not finite is left out.
        axis: Their axis.
    """
    bottom = _LANE * len(marks) + 4
    root = drawing(WIDTH, bottom + _BELOW, title)
    labels = tick_labels([100 * tick if axis.percent else tick for tick in axis.ticks])
    for tick, label in zip(axis.ticks, labels, strict=True):
        add(root, "line", "grid", x1=axis.x(tick), x2=axis.x(tick), y1=0, y2=bottom)
        shown = f"{label}%" if axis.percent else label
        add(root, "text", "tick middle", shown, x=axis.x(tick), y=bottom + 15)
    if axis.reference is not None:
        add(root, "line", "reference", x1=axis.x(axis.reference), x2=axis.x(axis.reference), y1=0, y2=bottom)
    for place, (series, estimate) in enumerate(marks):
        if not math.isfinite(estimate.value):
            continue
        y = _LANE * (place + 0.5) + 2
        low, high = (x if math.isfinite(x) else estimate.value for x in (estimate.low, estimate.high))
        add(root, "line", f"whisker {series}", x1=axis.x(low), x2=axis.x(high), y1=y, y2=y)
        for end in (low, high):
            add(root, "line", f"whisker {series}", x1=axis.x(end), x2=axis.x(end), y1=y - 3, y2=y + 3)
        mark(root, series, axis.x(estimate.value), y)
    return markup(root)
