"""Histograms of scores below each other on one axis: what does not parse stands apart from what does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from markupsafe import Markup

from saga_core.reporting.html.svg import WIDTH, add, drawing, markup

# A score is -1 or in (0, 1]: a bar for the first, 20 bins of 0.05 for the others.
BINS = 20
_LEFT = 8.0
_FAILED = 26.0
_GAP = 22.0
_PANEL = 92.0
_HEAD = 26.0
_BELOW = 36.0


@dataclass(frozen=True)
class Spread:
    """The scores of some texts.

    Attributes:
        series: Class of its bars: ``base``, ``final``, ``human`` or ``other``.
        label: Name above its bars.
        failed: Share of texts that do not parse, in 0..1.
        bins: Share of texts in each bin of 0.05 from 0 to 1, the upper end included.
        n: Number of texts.
    """

    series: str
    label: str
    failed: float
    bins: tuple[float, ...]
    n: int


def spread(series: str, label: str, scores: Sequence[float]) -> Spread:
    """Count scores, each -1 or in (0, 1].

    Raises:
        ValueError: There is none.
    """
    if not scores:
        raise ValueError("no score to count")
    counts = [0] * BINS
    for score in scores:
        if score > 0:
            counts[min(int(score * BINS - 1e-9), BINS - 1)] += 1
    n = len(scores)
    return Spread(series, label, sum(score <= 0 for score in scores) / n, tuple(c / n for c in counts), n)


def histogram(title: str, spreads: Sequence[Spread], below: str) -> Markup:
    """Return histograms of the same scales as inline SVG.

    Args:
        title: What they show, for those who cannot see them.
        spreads: One a panel, from top to bottom.
        below: Name of the axis.
    """
    height = len(spreads) * _PANEL + _BELOW
    root = drawing(WIDTH, height, title)
    top = max(max(each.failed, *each.bins) for each in spreads)
    for place, each in enumerate(spreads):
        _panel(root, each, place * _PANEL, top)
    bottom = len(spreads) * _PANEL
    add(root, "text", "tick middle", "−1", x=_LEFT + _FAILED / 2, y=bottom + 14)
    start, width = _LEFT + _FAILED + _GAP, WIDTH - 2 * _LEFT - _FAILED - _GAP
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        add(root, "text", "tick middle", f"{tick:g}", x=min(start + tick * width, WIDTH - 6), y=bottom + 14)
    add(root, "text", "label", "fails", x=_LEFT, y=bottom + 30)
    add(root, "text", "label middle", below, x=start + width / 2, y=bottom + 30)
    return markup(root)


def _panel(root: Element, each: Spread, top: float, most: float) -> None:
    floor, room = top + _PANEL, _PANEL - _HEAD - 12
    add(root, "text", "label", f"{each.label}, n = {each.n:,}", x=_LEFT, y=top + 20)
    start, width = _LEFT + _FAILED + _GAP, WIDTH - 2 * _LEFT - _FAILED - _GAP
    bars = [(_LEFT, _FAILED, each.failed)]
    bars += [(start + width * i / BINS + 0.5, width / BINS - 1, share) for i, share in enumerate(each.bins)]
    tallest = max(range(BINS), key=each.bins.__getitem__)
    for place, (x, wide, share) in enumerate(bars):
        tall = room * share / most if most else 0.0
        if share:
            add(root, "rect", f"bar {each.series}", x=x, y=floor - tall, width=wide, height=tall)
        if place in (0, tallest + 1) and share:
            add(root, "text", "tick middle", f"{100 * share:.0f}%", x=min(x + wide / 2, WIDTH - 14), y=floor - tall - 3)
    add(root, "line", "axis", x1=_LEFT, x2=_LEFT + _FAILED, y1=floor, y2=floor)
    add(root, "line", "axis", x1=start, x2=start + width, y1=floor, y2=floor)
