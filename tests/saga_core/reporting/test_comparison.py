from __future__ import annotations

import io
from collections.abc import Callable

from evaluation_results import result_of
from rich.console import Console

from saga_core.evaluation.arms import Arm, ArmsComparison, compare_arms
from saga_core.reporting.comparison import Labels, comparison_page, comparison_tables

LABELS = Labels(evaluator="Stanza", text="Wiki")


def _compared(*titles: str) -> ArmsComparison:
    base = Arm("Base", (result_of(0, passing=0.6),))
    arms = [Arm(title, (result_of(i, nll=5 + 0.2 * i),)) for i, title in enumerate(titles, 1)]
    return compare_arms([base], arms, {}, 0, 200)


def test_the_page_has_finding_figures_differences_and_method(
    read_table: Callable[[str], list[list[str]]],
) -> None:
    compared = _compared("sft.mode=skip", "sft.mode=force")
    page = comparison_page(compared, LABELS)
    assert page.startswith("**Finding:** sft.mode=force does not improve results over sft.mode=skip.")
    figures, differences = page.split("sft.mode=force, less sft.mode=skip:")
    table = read_table(figures)
    assert table[0] == ["Metric", "Base", "sft.mode=skip", "sft.mode=force"]
    assert table[1][0] == "Stanza PS ↑"
    changes = read_table(differences)
    assert changes[0] == ["Metric", "Δ", "p", "Holm p", "detectable Δ", "n"]
    assert [row[0].replace("\u00a0", " ") for row in changes[1:]] == [row[0] for row in table[1:]]
    # Neither an arrow nor half an interval stands alone on a line.
    ppl = next(row for row in changes if row[0] == "PPL-Wiki\u00a0↓")
    assert ppl[1].startswith("+")
    assert ",\u00a0" in ppl[1]
    assert ppl[2].endswith("paired bootstrap")
    assert ppl[5] == str(compared.figures["sft.mode=force"]["ppl"].n)
    assert f"corrected over all {compared.tests} tests" in page


def test_two_arms_fit_a_terminal_and_a_title_is_no_markup() -> None:
    console = Console(width=80, record=True, markup=False, file=io.StringIO())
    tables = comparison_tables(_compared("sft.mode=skip", "x=[red]"), LABELS)
    for table in tables:
        console.print(table)
    text = console.export_text()
    assert "x=[red], less sft.mode=skip" in text
    assert "detectable Δ" in text
    assert "n = 60" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text


def test_each_further_arm_has_a_table_of_its_own() -> None:
    assert len(comparison_tables(_compared("a", "b", "c"), LABELS)) == 3
