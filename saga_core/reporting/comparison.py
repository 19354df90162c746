"""The page of an ablation: every arm's figures, every difference from the first arm with its test, and the finding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict
from rich import box
from rich.table import Table
from rich.text import Text

from saga_core.evaluation.arms import ArmsComparison, Difference
from saga_core.evaluation.statistics import Estimate
from saga_core.reporting import markdown
from saga_core.reporting.comparison_finding import comparison_finding, method, notes
from saga_core.reporting.results import ROW, Column, measured, p_value, to_markdown
from saga_core.reporting.wording import kept_together

_HEADINGS = ("Metric", "Δ", "p", "Holm p", "detectable Δ")


class Labels(BaseModel):
    """How the first row and the perplexity are called.

    Attributes:
        evaluator: Name of the evaluating parser: ``Stanza``.
        text: Name of the held-out text: ``Wiki``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    evaluator: str
    text: str


def comparison_page(comparison: ArmsComparison, labels: Labels) -> str:
    """Return the whole page as Markdown: finding, notes, figures, differences, method."""
    parts = [f"**Finding:** {markdown.escape(comparison_finding(comparison, labels.evaluator, labels.text))}"]
    parts += [markdown.escape(note) for note in notes(comparison, labels.evaluator, labels.text)]
    parts.append(to_markdown(_columns(comparison), evaluator=labels.evaluator, text=labels.text))
    for arm, rows in _by_arm(comparison).items():
        parts.append(f"{markdown.escape(_less(arm, comparison.first))}:")
        cells = [[*map(kept_together, _cells(row, labels)), _items(comparison, row)] for row in rows]
        parts.append(markdown.table((*_HEADINGS, "n"), cells))
    if comparison.differences:
        parts.append(markdown.escape(method(comparison)))
    return "\n\n".join(parts) + "\n"


def comparison_tables(comparison: ArmsComparison, labels: Labels) -> list[Table]:
    """Return the figures, then each other arm's differences, as tables for a terminal."""
    columns = _columns(comparison)
    rows = []
    for row in measured(columns):
        values = [column.values.get(row.metric) for column in columns]
        n = next((f"n = {value.n:,}" for value in values if isinstance(value, Estimate)), "")
        figures = [_lines(row.figure(value), row.interval(value)) for value in values]
        rows.append([_lines(row.heading(labels.evaluator, labels.text), n), *figures])
    tables = [_table(["Metric", *(column.heading for column in columns)], rows)]
    for arm, differences in _by_arm(comparison).items():
        table = _table(_HEADINGS, [_cells(row, labels, "\n") for row in differences])
        table.title, table.title_justify = Text(_less(arm, comparison.first)), "left"
        tables.append(table)
    return tables


def _columns(comparison: ArmsComparison) -> list[Column]:
    return [Column(title, dict(figures)) for title, figures in comparison.figures.items()]


def _by_arm(comparison: ArmsComparison) -> dict[str, list[Difference]]:
    found: dict[str, list[Difference]] = {}
    for difference in comparison.differences:
        found.setdefault(difference.arm, []).append(difference)
    return found


def _less(arm: str, first: str) -> str:
    return f"{arm}, less {first}"


def _cells(difference: Difference, labels: Labels, between: str = " ") -> list[str]:
    row, comparison = ROW[difference.metric], difference.comparison
    least = "none" if difference.detectable is None else row.change(difference.detectable).lstrip("+")
    return [
        row.heading(labels.evaluator, labels.text),
        f"{row.change(comparison.delta)}{between}{row.change_interval(comparison)}",
        f"{p_value(comparison.p)}{between}{comparison.test}",
        p_value(difference.holm),
        markdown.ABSENT if least == "none" else least,
    ]


def _items(comparison: ArmsComparison, difference: Difference) -> str:
    return f"{comparison.figures[difference.arm][difference.metric].n:,}"


def _lines(figure: str, interval: str) -> str:
    return "\n".join(filter(None, (figure, interval)))


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for place, heading in enumerate(headings):
        justify: Literal["left", "right"] = "right" if place else "left"
        lines = [line for row in rows for line in row[place].split("\n")]
        # Headings and names of tests may wrap; figures may not.
        width = 5 if heading == "p" else max(map(len, lines), default=0)
        # Text, not str: a heading such as "[Ablation]" would be taken for a style and vanish.
        table.add_column(Text(heading), justify=justify, min_width=width)
    for row in rows:
        table.add_row(*map(Text, row))
    return table
