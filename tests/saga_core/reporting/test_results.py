"""The results table: exactly the public card's figures, plus intervals and tests where there are any."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from saga_core.evaluation.statistics import Comparison, Estimate, wilson
from saga_core.evaluation.suite import METRICS
from saga_core.reporting.results import ROW, ROWS, Column, Row, measured, p_value, to_markdown, to_rich

fractions = st.floats(0.0, 1.0)
finite = st.floats(-1e9, 1e9)
rows = st.sampled_from(ROWS)


def plain(columns: list[Column], comparisons: dict[str, Comparison], width: int = 80) -> str:
    """Print the table as to a file: no terminal."""
    console = Console(width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(to_rich(columns, comparisons, evaluator="Stanza", text="Wiki", width=width))
    return capture.get()


def test_the_public_cards_figures_give_the_public_cards_table(
    public_columns: tuple[Column, ...],
    public_table: list[list[str]],
    read_table: Callable[[str], list[list[str]]],
) -> None:
    assert read_table(to_markdown(public_columns, evaluator="Stanza", text="Wiki")) == public_table


def test_rows_are_in_the_order_of_the_contract() -> None:
    order = (
        "parse_success parse_score ppl bits_per_byte scala_auroc acceptability_auroc summ_ps summ_score rc_aps rc_f1 "
        "rc_em mattr"
    )
    assert [row.metric for row in ROWS] == order.split()
    assert tuple(order.split()) == METRICS


def test_a_row_that_no_column_has_is_left_out_and_a_missing_figure_is_a_dash(
    read_table: Callable[[str], list[list[str]]],
) -> None:
    columns = [Column("Base", {"mattr": 0.795}), Column("Final", {"mattr": None, "ppl": 14.6, "rc_f1": None})]
    assert read_table(to_markdown(columns, evaluator="Greynir", text="news")) == [
        ["Metric", "Base", "Final"],
        ["PPL-news ↓", "–", "14.6"],
        ["MATTR ↑", "0.795", "–"],
    ]


def test_an_estimate_shows_its_interval_in_the_unit_of_the_figure() -> None:
    # The two intervals that the specification works out for the public card.
    assert ROW["parse_success"].cell(wilson(197, 200)) == "98.5% [95.7, 99.5]"
    assert ROW["parse_success"].cell(wilson(166, 200)) == "83.0% [77.2, 87.6]"
    assert ROW["summ_ps"].cell(wilson(200, 200)) == "100% [98.1, 100]"
    assert ROW["scala_auroc"].cell(Estimate(0.605, 0.588, 0.622, 2_048)) == "0.605 [0.588, 0.622]"
    assert ROW["ppl"].cell(Estimate(30.1, math.nan, math.nan, 200)) == "30.1"


def test_a_metric_without_a_row_is_refused() -> None:
    with pytest.raises(ValueError, match="parse_sucess"):
        Column("Base", {"parse_sucess": 0.9})


@given(rows.filter(lambda row: row.percent), fractions)
def test_a_rate_reads_back_within_its_last_decimal(row: Row, value: float) -> None:
    shown = row.cell(value)
    assert shown.endswith("%")
    assert abs(float(shown[:-1]) - 100 * value) <= 0.05 + 1e-9
    # "100%" without a decimal is a claim about every item; 99.99% must not make it.
    assert (shown == "100%") == (value == 1.0)


@given(rows.filter(lambda row: not row.percent), finite)
def test_any_other_figure_reads_back_within_its_last_decimal(row: Row, value: float) -> None:
    shown = row.cell(value)
    assert re.fullmatch(r"-?\d+\.\d+", shown)
    assert abs(float(shown) - value) <= 0.5 * 10**-row.decimals + 1e-6
    assert float(shown) != 0.0 or not shown.startswith("-")


@given(rows, st.tuples(fractions, fractions, fractions).map(sorted))
def test_an_interval_encloses_its_figure_as_shown(row: Row, ordered: list[float]) -> None:
    low, value, high = ordered
    shown = row.cell(Estimate(value, low, high, 200))
    figure, bounds = shown.split(" [")
    low_shown, high_shown = bounds.rstrip("]").split(", ")
    assert float(low_shown) <= float(figure.rstrip("%")) <= float(high_shown)
    assert figure == row.cell(value)


@given(rows, st.sampled_from([None, math.nan, math.inf, -math.inf, Estimate(math.nan, 0.0, 1.0, 0)]))
def test_what_is_no_figure_is_a_dash_and_makes_no_row(row: Row, value: float | Estimate | None) -> None:
    assert row.cell(value) == "–"
    assert measured([Column("Base", {row.metric: value})]) == []


@given(rows, finite)
def test_a_change_carries_its_sign(row: Row, delta: float) -> None:
    shown = row.change(delta)
    assert shown[0] == ("+" if float(shown.removesuffix(" points")) >= 0 else "-")
    assert shown.endswith(" points") == row.percent


@pytest.mark.parametrize(
    ("p", "shown"), [(3e-8, "<0.001"), (0.001, "0.001"), (0.0496, "0.050"), (1.0, "1.000"), (math.nan, "–")]
)
def test_p_values(p: float, shown: str) -> None:
    assert p_value(p) == shown


def test_the_terminal_table_holds_figures_interval_test_and_n(
    base_column: Column, final_column: Column, comparisons: dict[str, Comparison]
) -> None:
    text = plain([base_column, final_column], comparisons, width=120)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    at = lines.index("Stanza PS ↑ 83.0% 98.5% +15.5 points <0.001")
    assert lines[at + 1] == "n = 200 [77.2, 87.6] [95.7, 99.5] [+10.0, +21.0] exact McNemar"
    assert [row.heading("Stanza", "Wiki") in text for row in ROWS] == [True] * len(ROWS)


def test_the_terminal_table_is_whole_as_plain_text_of_80_columns(
    base_column: Column, final_column: Column, comparisons: dict[str, Comparison]
) -> None:
    text = plain([base_column, final_column], comparisons)
    assert "\x1b" not in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    for row in ROWS:
        for column in (base_column, final_column):
            assert row.figure(column.values[row.metric]) in text
            assert row.interval(column.values[row.metric]) in text
        assert row.change_interval(comparisons[row.metric]) in text
    assert {word for comparison in comparisons.values() for word in comparison.test.split()} <= set(text.split())


def test_the_terminal_table_without_tests_has_dashes(public_columns: tuple[Column, ...]) -> None:
    text = plain(list(public_columns), {}, width=120)
    line = next(line for line in text.splitlines() if line.startswith("Summ PS"))
    assert line.split() == ["Summ", "PS", "↑", "63.0%", "100%", "100%", "–", "–"]


def test_human_text_has_a_column_where_there_is_room_and_else_a_line(
    base_column: Column, final_column: Column, comparisons: dict[str, Comparison]
) -> None:
    human = Column("Human", {"parse_success": Estimate(0.92, 0.87, 0.95, 200)}, reference=True)
    columns = [base_column, final_column, human]
    narrow = plain(columns, comparisons)
    assert max(map(len, narrow.splitlines())) <= 80
    assert "Human 92.0%" in narrow
    wide = [" ".join(line.split()) for line in plain(columns, comparisons, width=120).splitlines()]
    assert "Stanza PS ↑ 83.0% 98.5% 92.0% +15.5 points <0.001" in wide
    assert "n = 200 [77.2, 87.6] [95.7, 99.5] [87.0, 95.0] [+10.0, +21.0] exact McNemar" in wide


def test_a_heading_in_brackets_is_shown_as_it_is(base_column: Column) -> None:
    assert "[Ablation]" in plain([base_column, Column("[Ablation]", base_column.values)], {}, width=120)
    assert r"a\|b" in to_markdown([Column("a|b", {"ppl": 1.0})], evaluator="Stanza", text="Wiki")
