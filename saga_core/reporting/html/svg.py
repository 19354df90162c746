"""Building blocks of the page's drawings: inline SVG whose colours come from the page's style sheet.

Nothing has a style of its own but a class, so that a drawing follows the page into dark mode and onto paper, and a
content security policy may forbid inline styles.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

# Width of a drawing in CSS pixels: what a telephone has room for in a box, so that letters are not scaled down.
WIDTH = 292.0


def drawing(width: float, height: float, title: str) -> Element:
    """Return an empty drawing.

    Args:
        width: In CSS pixels.
        height: In CSS pixels.
        title: What those are told who cannot see it.
    """
    box = f"0 0 {number(width)} {number(height)}"
    root = Element("svg", {"viewBox": box, "width": number(width), "height": number(height), "role": "img"})
    SubElement(root, "title").text = title
    return root


def add(parent: Element, tag: str, kind: str, text: str | None = None, **attributes: float | str) -> Element:
    """Add a shape to a drawing and return it.

    Args:
        parent: What it is added to.
        tag: Such as ``rect``.
        kind: Its class, which the style sheet gives its look; blank for none.
        text: What stands in it.
        attributes: Numbers in CSS pixels, or text; an underscore stands for a hyphen.
    """
    named = {"class": kind} if kind else {}
    for name, value in attributes.items():
        named[name.replace("_", "-")] = value if isinstance(value, str) else number(value)
    child = SubElement(parent, tag, named)
    child.text = text
    return child


def mark(parent: Element, series: str, x: float, y: float, radius: float = 4.5) -> None:
    """Add a series' mark: each has a shape of its own beside its colour."""
    if series == "final":
        side = 1.75 * radius
        add(parent, "rect", f"mark {series}", x=x - side / 2, y=y - side / 2, width=side, height=side)
    elif series == "human":
        reach = 1.3 * radius
        corners = ((x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y))
        add(parent, "path", f"mark {series}", d=f"M{' L'.join(point(*corner) for corner in corners)}Z")
    else:
        add(parent, "circle", f"mark {series}", cx=x, cy=y, r=radius)


def markup(root: Element) -> Markup:
    """Return a drawing as HTML; ElementTree has escaped what stands in it as text."""
    return Markup(tostring(root, encoding="unicode"))


def number(value: float) -> str:
    """Return a length with at most one decimal: a tenth of a pixel is not seen."""
    text = f"{value:.1f}"
    return text.removesuffix(".0") if text != "-0.0" else "0"


def point(x: float, y: float) -> str:
    """Return a place as a path has it."""
    return f"{number(x)} {number(y)}"


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Return round numbers within a range, steps of 1, 2 or 5 times a power of ten.

    Args:
        low: Lower end.
        high: Upper end, above it.
        about: How many there should be, roughly.
    """
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [each * step + 0.0 for each in range(first, last + 1)]


def tick_labels(values: Sequence[float]) -> list[str]:
    """Return the numbers of an axis, all with the fewest decimals by which none of them is rounded."""
    room = 1e-6 * min((b - a for a, b in pairwise(values)), default=1.0)
    exact = (places for places in range(8) if all(abs(round(value, places) - value) <= room for value in values))
    places = next(exact, 8)
    return [f"{value:,.{places}f}".replace("-", "−") for value in values]


def padded(values: Sequence[float], share: float = 0.08) -> tuple[float, float]:
    """Return a range that holds all values with some room at both ends; never an empty one."""
    low, high = min(values), max(values)
    room = share * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room
