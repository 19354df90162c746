"""Markdown tables show what they were given, whatever it holds; judged by a Markdown parser."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from saga_core.evaluation.statistics import Estimate
from saga_core.reporting.markdown import escape, stage_table, table

texts = st.text(st.characters(exclude_categories=("Cs", "Cc", "Co", "Cn")), max_size=40)
# The characters that mean something to Markdown, in every order.
marked = st.text("|\\`*_<>[]()!#&;~a1 \n-:", max_size=20)


def shown(markdown: str) -> list[list[str]]:
    """Return the text of a rendered table's cells, row by row."""
    cells: list[list[str]] = []
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    for before, token in pairwise(tokens):
        if before.type == "tr_open":
            cells.append([])
        if before.type in ("th_open", "td_open"):
            cells[-1].append("".join(map(_text, token.children or [])))
    return cells


def _text(token: Token) -> str:
    assert token.type in ("text", "text_special"), f"markup in a cell: {token.type}"
    return token.content


@given(texts | marked, texts | marked)
def test_any_text_comes_out_of_a_table_as_it_went_in(heading: str, cell: str) -> None:
    rendered = shown(table((escape(heading), "b"), [(escape(cell), "1")]))
    assert rendered == [[" ".join(heading.split()), "b"], [" ".join(cell.split()), "1"]]


def test_metric_names_stay_readable() -> None:
    assert escape("parse_success (n = 200)") == "parse_success (n = 200)"


def test_a_stages_headline_is_a_table_of_two_columns() -> None:
    headline = {
        "pairs": 5_886,
        "parse_success": Estimate(0.83, 0.7717, 0.8758, 200),
        "gap": 1.8791234,
        "seconds": 12_345.678,
        "skipped": False,
        "reason": "a|b",
        "none": None,
        "dropped": {"too_long": 3, "empty": 0},
        "temperatures": (0.7, 1.1),
        "nothing": [],
    }
    assert shown(stage_table(headline)) == [
        ["Figure", "Value"],
        ["pairs", "5,886"],
        ["parse_success", "0.83 [0.7717, 0.8758], n = 200"],
        ["gap", "1.879"],
        ["seconds", "12,346"],
        ["skipped", "no"],
        ["reason", "a|b"],
        ["none", "–"],
        ["dropped", "too_long 3, empty 0"],
        ["temperatures", "0.7, 1.1"],
        ["nothing", "–"],
    ]


@given(st.dictionaries(texts | marked, st.integers() | st.floats() | st.booleans() | texts | marked | st.none()))
def test_every_headline_gives_one_row_a_figure(headline: dict[str, object]) -> None:
    rendered = shown(stage_table(headline))
    assert [row[0] for row in rendered[1:]] == [" ".join(name.split()) for name in headline]


def test_equal_mappings_are_a_table_of_their_own() -> None:
    metrics = {"ppl": {"value": 30.1, "n": 200}, "mattr": {"value": 0.93, "n": 180}}
    assert shown(stage_table({"state": "computed", "metrics": metrics})) == [
        ["Figure", "Value"],
        ["state", "computed"],
        ["", "value", "n"],
        ["ppl", "30.1", "200"],
        ["mattr", "0.93", "180"],
    ]
