"""Markdown tables show what they were given, whatever it holds; judged by a Markdown parser."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from saga_core.reporting.markdown import escape, table

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
