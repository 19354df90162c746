"""Line charts of a training's log: a quantity by optimiser step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from saga_core.reporting.html.svg import WIDTH, add, drawing, markup, number, padded, tick_labels, ticks

_LEFT = 46.0
_RIGHT = 14.0
_TOP = 12.0
_HEIGHT = 178.0
_BOTTOM = 138.0


@dataclass(frozen=True)
class Curve:
    """One line.

    Attributes:
        label: Its name; blank where it is the chart's only one.
        points: Step and value, in order.
    """

    label: str
    points: tuple[tuple[float, float], ...]


def curves(title: str, lines: Sequence[Curve], limits: tuple[float, float] | None = None) -> Markup:
    """Return a line chart as inline SVG.

    Args:
        title: What it shows, for those who cannot see it.
        lines: At most two lines, each with a point; the second is dashed.
        limits: Ends of the vertical axis; None for those of the values.
    """
    steps = [step for line in lines for step, _ in line.points]
    first, last = min(steps), max(max(steps), min(steps) + 1)
    low, high = limits or padded([value for line in lines for _, value in line.points])
    root = drawing(WIDTH, _HEIGHT, title)

    def x(step: float) -> float:
        return _LEFT + (step - first) / (last - first) * (WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return _BOTTOM - share * (_BOTTOM - _TOP)

    levels = ticks(low, high)
    for level, label in zip(levels, tick_labels(levels), strict=True):
        add(root, "line", "grid", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y(level), y2=y(level))
        add(root, "text", "tick end", label, x=_LEFT - 6, y=y(level) + 4)
    for step in (each for each in ticks(first, last) if each == int(each)):
        add(root, "text", "tick middle", f"{step:,.0f}", x=x(step), y=_BOTTOM + 16)
    add(root, "line", "axis", x1=_LEFT, x2=WIDTH - _RIGHT, y1=_BOTTOM, y2=_BOTTOM)
    add(root, "text", "label middle", "optimiser step", x=(_LEFT + WIDTH - _RIGHT) / 2, y=_BOTTOM + 34)
    for place, line in enumerate(lines):
        kind = ("first", "second")[place]
        path = " ".join(f"{number(x(step))},{number(y(value))}" for step, value in line.points)
        add(root, "polyline", f"curve {kind}", points=path)
        if line.label:
            across = _LEFT + 8 + place * 100
            add(root, "line", f"curve {kind}", x1=across, x2=across + 22, y1=_TOP - 6, y2=_TOP - 6)
            add(root, "text", "label", line.label, x=across + 28, y=_TOP - 2)
    return markup(root)
