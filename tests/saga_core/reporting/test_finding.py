"""The finding claims what the intervals and tests allow, and no more."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.evaluation.statistics import Comparison, Estimate, compare_rates, wilson
from saga_core.reporting.finding import finding
from saga_core.reporting.results import Column


def found(base: float, final: float, comparison: Comparison | None, metric: str = "parse_success") -> str:
    columns = [Column("Base", {metric: base}), Column("Final", {metric: Estimate(final, final, final, 200)})]
    return finding(columns, {metric: comparison} if comparison else {}, evaluator="Stanza", text="Wiki")


def test_a_significant_rise(base_column: Column, final_column: Column, comparisons: dict[str, Comparison]) -> None:
    said = finding([base_column, final_column], comparisons, evaluator="Stanza", text="Wiki")
    assert said.startswith(
        "Parse success by Stanza rose by 15.5 points, from 83.0% to 98.5% (95% interval of the difference "
        "[+10.0, +21.0], exact McNemar, p <0.001, n = 200). That is significant at the 5% level."
    )
    assert "Perplexity (PPL-Wiki) is 1.10 times the base's, which is worse: 30.1 to 33.0" in said
    assert "Significantly worse: Bits per byte (+0.027), ScaLA AUROC (-0.013)." in said
    assert "Not significantly different: CoLA AUROC (-0.005), RC EM (+1.0 points)." in said
    better = said.split("Significantly better: ")[1].split(". ")[0]
    assert [name.split(" (")[0] for name in better.split(", ")] == [
        "Parse score",
        "Summ PS",
        "Summ score",
        "RC APS",
        "RC F1",
        "MATTR",
    ]


def test_paired_outcomes_of_200_prompts_end_to_end() -> None:
    base, final = [True] * 166 + [False] * 34, [True] * 163 + [False] * 3 + [True] * 34
    columns = [
        Column("Base", {"parse_success": wilson(166, 200)}),
        Column("Final", {"parse_success": wilson(197, 200)}),
    ]
    comparisons = {"parse_success": compare_rates(base, final)}
    said = finding(columns, comparisons, evaluator="Stanza", text="Wiki")
    assert "rose by 15.5 points, from 83.0% to 98.5%" in said
    assert "exact McNemar, p <0.001, n = 200). That is significant" in said


def test_a_rise_that_may_be_noise_is_not_claimed() -> None:
    said = found(0.80, 0.835, Comparison(0.035, -0.02, 0.09, 0.21, "exact McNemar"))
    assert "rose by 3.5 points" in said
    assert "p = 0.210" in said
    assert "not a significant difference" in said
    assert "That is significant" not in said


def test_a_significant_fall_is_called_one() -> None:
    said = found(0.90, 0.60, Comparison(-0.30, -0.36, -0.24, 1e-6, "exact McNemar"))
    assert "fell by 30.0 points, from 90.0% to 60.0%" in said
    assert "fewer texts that parse" in said


def test_no_change_is_not_called_a_rise_or_a_fall() -> None:
    said = found(0.90, 0.90, Comparison(0.0, -0.03, 0.03, 1.0, "exact McNemar"))
    assert "did not change: 90.0%" in said
    assert "rose" not in said
    assert "fell" not in said


def test_a_wide_interval_is_remarked_on() -> None:
    said = found(0.5, 0.8, Comparison(0.3, 0.05, 0.55, 0.02, "exact McNemar"))
    assert "The interval is 50.0 points wide, so the size of the effect is known only roughly." in said


@pytest.mark.parametrize("p", [math.nan, 0.05, 1.0])
def test_an_undefined_or_borderline_p_is_not_significant(p: float) -> None:
    assert "not a significant difference" in found(0.8, 0.9, Comparison(0.1, 0.0, 0.2, p, "exact McNemar"))


def test_perplexity_that_fell_is_better() -> None:
    said = found(22.9, 14.6, None, "ppl")
    assert "Perplexity (PPL-Wiki) is 0.64 times the base's, which is better: 22.9 to 14.6." in said


def test_the_public_card_has_no_tests_and_stands_beside_its_sibling(
    public_columns: tuple[Column, ...],
) -> None:
    said = finding(public_columns, {}, evaluator="Stanza", text="Wiki")
    assert "rose by 15.0 points, from 83.0% to 98.0%." in said
    assert "1.46 times the base's" in said
    assert (
        "Beside No-SFT Δ-DPO, without a test of the two: Stanza PS 98.0% against 98.5%, "
        "PPL-Wiki 43.8 against 33.0, ScaLA AUROC 0.592 against 0.617." in said
    )
    assert "No paired test was made" in said
    assert "significant" not in said


@given(st.integers(0, 200), st.integers(0, 200), st.floats(0, 1))
def test_direction_and_significance_follow_the_figures(base: int, final: int, p: float) -> None:
    delta = (final - base) / 200
    said = found(base / 200, final / 200, Comparison(delta, delta - 0.05, delta + 0.05, p, "exact McNemar"))
    assert ("rose" in said) == (final > base)
    assert ("fell" in said) == (final < base)
    assert ("not a significant" in said) == (p >= 0.05)


def test_a_figure_that_only_one_model_has_is_not_compared(base_column: Column) -> None:
    values = {metric: value for metric, value in base_column.values.items() if metric != "parse_success"}
    said = finding([replace(base_column, values=values), base_column], {}, evaluator="Stanza", text="Wiki")
    assert "Parse success" not in said
