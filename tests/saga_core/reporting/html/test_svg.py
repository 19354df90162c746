"""Axes have round numbers that lie on them, and drawings escape what stands in them."""

import math
from xml.etree.ElementTree import fromstring

from hypothesis import given
from hypothesis import strategies as st

from saga_core.reporting.html.svg import add, drawing, markup, number, padded, tick_labels, ticks

FIGURES = st.floats(-1e6, 1e6).map(lambda value: round(value, 4))


@given(st.lists(FIGURES, min_size=1, max_size=20))
def test_an_axis_holds_its_figures_and_its_ticks(values: list[float]) -> None:
    low, high = padded(values)
    assert low < min(values) <= max(values) < high
    found = ticks(low, high)
    assert 1 <= len(found) <= 7
    room = 1e-6 * (high - low)
    assert all(low - room <= tick <= high + room for tick in found)
    assert found == sorted(set(found))


@given(st.floats(-1e4, 1e4), st.floats(0.01, 1e4))
def test_no_two_ticks_have_one_label_and_none_is_rounded(low: float, width: float) -> None:
    found = ticks(low, low + width)
    labels = tick_labels(found)
    assert len(set(labels)) == len(found)
    for tick, label in zip(found, labels, strict=True):
        assert math.isclose(float(label.replace(",", "").replace("−", "-")), tick, rel_tol=1e-4, abs_tol=1e-4)


def test_quarters_keep_their_two_decimals() -> None:
    assert tick_labels([0.0, 0.25, 0.5, 0.75, 1.0]) == ["0.00", "0.25", "0.50", "0.75", "1.00"]
    assert tick_labels([-1.0, 0.0, 1.0]) == ["−1", "0", "1"]


def test_text_and_title_are_escaped_and_lengths_are_short() -> None:
    root = drawing(100, 20.04, "<b>&")
    add(root, "text", "tick end", "</svg><script>", x=1 / 3, stroke_width=2)
    made = markup(root)
    assert "<script" not in made
    assert "<b>" not in made
    read = fromstring(made)
    assert (read.get("role"), read[0].text, read.get("viewBox")) == ("img", "<b>&", "0 0 100 20")
    assert (read[1].get("x"), read[1].get("stroke-width"), read[1].text) == ("0.3", "2", "</svg><script>")


def test_a_rounded_zero_has_no_sign() -> None:
    assert number(-0.01) == "0"
