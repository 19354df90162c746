"""Strips, histograms, curves and the lineage's graph: every figure is where it belongs, and told in words."""

import math
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.evaluation.statistics import Estimate
from saga_core.reporting.html.curves import Curve, curves
from saga_core.reporting.html.histogram import histogram, spread
from saga_core.reporting.html.lineage_graph import essential, lineage_graph
from saga_core.reporting.html.strip import RATE, SCORE, around, strip
from saga_core.reporting.html.svg import WIDTH

SCORES = st.one_of(st.just(-1.0), st.floats(1e-6, 1.0))


def kinds(root: Element, kind: str) -> list[Element]:
    return [each for each in root.iter() if kind in (each.get("class") or "").split()]


def test_a_strip_has_a_mark_of_its_own_shape_for_each_model() -> None:
    marks = [(series, Estimate(0.5, 0.4, 0.6, 9)) for series in ("base", "final", "human")]
    root = fromstring(strip("PS", marks, RATE))
    assert [each.tag for each in kinds(root, "mark")] == ["circle", "rect", "path"]
    assert [each.text for each in kinds(root, "tick")] == ["0%", "25%", "50%", "75%", "100%"]


def test_what_is_not_a_number_is_left_out_and_an_unknown_interval_is_a_point() -> None:
    marks = [("base", Estimate(math.nan, 0, 1, 9)), ("final", Estimate(0.5, math.nan, math.inf, 9))]
    root = fromstring(strip("PS", marks, SCORE))
    (mark,) = kinds(root, "mark")
    assert "final" in (mark.get("class") or "")
    assert {each.get("x1") for each in kinds(root, "whisker")} == {f"{SCORE.x(0.5):g}"}


@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=5))
def test_figures_without_a_natural_range_lie_on_their_axis(values: list[float]) -> None:
    axis = around([Estimate(value, value - 1, value + 1, 9) for value in values], reference=0.0)
    assert all(0 < axis.x(value) < WIDTH for value in (*values, 0.0))
    assert axis.ticks


@given(st.lists(SCORES, min_size=1, max_size=200))
def test_a_histogram_counts_every_score_once(scores: list[float]) -> None:
    counted = spread("base", "Base", scores)
    assert math.isclose(counted.failed + sum(counted.bins), 1.0)
    assert math.isclose(counted.failed, sum(score < 0 for score in scores) / len(scores))


def test_the_upper_end_of_a_bin_belongs_to_it() -> None:
    counted = spread("base", "Base", [0.05, 0.0500001, 1.0])
    assert [place for place, share in enumerate(counted.bins) if share] == [0, 1, 19]
    assert spread("base", "Base", [0.15, 0.35, 0.7]).bins[2] > 0


def test_panels_of_a_histogram_share_their_scale() -> None:
    many, few = spread("base", "Base", [-1.0] * 4), spread("final", "Aligned", [-1.0, 0.5, 0.5, 0.5])
    root = fromstring(histogram("Scores", [many, few], "score"))
    heights = [float(each.get("height") or 0) for each in kinds(root, "bar")]
    assert heights[0] == pytest.approx(4 * heights[1], abs=0.5)
    with pytest.raises(ValueError, match="no score"):
        spread("base", "Base", [])


def test_two_curves_differ_in_their_strokes_and_have_names() -> None:
    points = tuple((float(step), 1.0 / step) for step in range(1, 9))
    root = fromstring(curves("Loss", [Curve("chosen", points), Curve("rejected", points)]))
    lines = list(root.iter("polyline"))
    assert [each.get("class") for each in lines] == ["curve first", "curve second"]
    assert all(len((each.get("points") or "").split()) == len(points) for each in lines)
    assert {"chosen", "rejected"} <= {each.text for each in root.iter("text")}
    assert fromstring(curves("One step", [Curve("", ((1.0, 0.5),))])).get("role") == "img"


def test_the_graph_leaves_out_what_follows() -> None:
    inputs = {"data": [], "sft": ["data"], "dpo": ["data", "sft"], "publish": ["dpo", "data", "elsewhere"]}
    assert essential(inputs) == {"data": [], "sft": ["data"], "dpo": ["sft"], "publish": ["dpo"]}


@given(st.lists(st.sets(st.integers(0, 11), max_size=4), min_size=1, max_size=12))
def test_every_essential_input_is_an_arc_and_no_two_arcs_lie_on_each_other(drawn: list[set[int]]) -> None:
    inputs = {f"s{n}": [f"s{each}" for each in sorted(before) if each < n] for n, before in enumerate(drawn)}
    root = fromstring(lineage_graph("Lineage", dict.fromkeys(inputs, "0a1b2c3d"), inputs))
    arcs = [each.get("d") or "" for each in kinds(root, "arc")]
    assert len(arcs) == sum(len(names) for names in essential(inputs).values())
    uprights = []
    for path in arcs:
        lane = float(path.split("Q")[1].split()[0])
        top = float(path.split("V")[0].split()[-1])
        bottom = float(path.split("V")[1].split("Q")[0])
        uprights.append((lane, top, bottom))
    for place, (lane, top, bottom) in enumerate(uprights):
        for other, above, below in uprights[place + 1 :]:
            assert lane != other or bottom <= above or below <= top
