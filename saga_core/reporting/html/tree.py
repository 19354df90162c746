"""A sentence's parse, drawn: words in their order, an arc from each head to its dependent.

spaCy's displaCy was tried: it spaces words evenly and gives every drawing a random name, so that the same run would not
give the same page; and it would import spaCy to draw lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from markupsafe import Markup

from saga_core.judges.rules import SUBJECTS
from saga_core.reporting.html.run_facts import Word
from saga_core.reporting.html.svg import add, drawing, markup, number

_LETTER = 8.3
_SMALL = 6.6
_SPACE = 16.0
_RISE = 22.0
_EDGE = 10.0
_TOP = 16.0
_BELOW = 40.0
_CORNER = 7.0


@dataclass(frozen=True)
class _Arc:
    """From a word to its head, both as places from 0; the level is its height, counted from 1."""

    word: int
    head: int
    level: int

    @property
    def left(self) -> int:
        return min(self.word, self.head)

    @property
    def right(self) -> int:
        return max(self.word, self.head)


def tree(title: str, words: Sequence[Word]) -> Markup:
    """Return a dependency tree as inline SVG, wider than the page where the sentence is long.

    The root and its subject are drawn stronger: they decide whether a sentence passes.

    Args:
        title: What it shows, for those who cannot see it.
        words: The words, at least one.
    """
    arcs = _arcs(words)
    centres, width = _places(words, arcs)
    base = _TOP + _RISE * (max((arc.level for arc in arcs), default=0) + 1)
    root = drawing(width, base + _BELOW, title)
    for arc in arcs:
        _draw(root, arc, words, centres, base)
    for place, word in enumerate(words):
        if word.head == 0:
            _draw_root(root, centres[place], base)
        add(root, "text", "word middle", word.form, x=centres[place], y=base + 17)
        add(root, "text", "tick middle", word.upos, x=centres[place], y=base + 33)
    return markup(root)


def deciding(word: Word, words: Sequence[Word]) -> bool:
    """Return whether a word is the root, or a subject of it: what the rule of passing looks at."""
    return word.head == 0 or (word.deprel in SUBJECTS and words[word.head - 1].head == 0)


def _arcs(words: Sequence[Word]) -> list[_Arc]:
    """Give every arc the least height at which it lies above those within it."""
    spans = sorted(
        ((place, word.head - 1) for place, word in enumerate(words) if word.head),
        key=lambda span: (abs(span[0] - span[1]), span),
    )
    arcs: list[_Arc] = []
    for word, head in spans:
        left, right = min(word, head), max(word, head)
        # An arc that is crossed lies higher or lower too, so that no two labels share a place.
        below = [arc.level for arc in arcs if arc.left < right and left < arc.right]
        arcs.append(_Arc(word, head, max(below, default=0) + 1))
    return arcs


def _places(words: Sequence[Word], arcs: Sequence[_Arc]) -> tuple[list[float], float]:
    """Return the middle of each word, and the drawing's width: neighbours' arcs have room for their labels."""
    widths = [max(_LETTER * len(word.form), _SMALL * len(word.upos), 20.0) for word in words]
    centres = [_EDGE + widths[0] / 2]
    for place in range(1, len(words)):
        apart = (widths[place - 1] + widths[place]) / 2 + _SPACE
        between = [arc for arc in arcs if (arc.left, arc.right) == (place - 1, place)]
        needed = [_SMALL * len(words[arc.word].deprel) + 18 for arc in between]
        centres.append(centres[-1] + max(apart, *needed, 0.0))
    return centres, centres[-1] + widths[-1] / 2 + _EDGE


def _draw(root: Element, arc: _Arc, words: Sequence[Word], centres: Sequence[float], base: float) -> None:
    word = words[arc.word]
    strong = " strong" if deciding(word, words) else ""
    towards = 1 if arc.head > arc.word else -1
    # It leaves the head at its side, and ends above the middle of its dependent, where the arrow is.
    start, end = centres[arc.head] - 5.0 * towards, centres[arc.word]
    top, inward = base - _RISE * arc.level, _CORNER * towards
    path = (
        f"M{number(start)} {number(base)}V{number(top + _CORNER)}Q{number(start)} {number(top)} "
        f"{number(start - inward)} {number(top)}H{number(end + inward)}Q{number(end)} {number(top)} "
        f"{number(end)} {number(top + _CORNER)}V{number(base - 4)}"
    )
    add(root, "path", f"arc{strong}", d=path)
    _arrow(root, end, base, strong)
    add(root, "text", f"relation middle{strong}", word.deprel, x=(start + end) / 2, y=top + 4)


def _draw_root(root: Element, x: float, base: float) -> None:
    add(root, "path", "arc strong", d=f"M{number(x)} {number(_TOP)}V{number(base - 4)}")
    _arrow(root, x, base, " strong")
    add(root, "text", "relation middle strong", "root", x=x, y=_TOP - 2)


def _arrow(root: Element, x: float, base: float, strong: str) -> None:
    left, right, tip = number(x - 3.5), number(x + 3.5), number(base)
    add(root, "path", f"arrow{strong}", d=f"M{left} {number(base - 7)}H{right}L{number(x)} {tip}Z")
