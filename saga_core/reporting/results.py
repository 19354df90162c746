"""The results table: rows, order and figures as on the public SAGA cards, plus intervals and paired tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich import box
from rich.table import Table
from rich.text import Text

from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.reporting import markdown

Value = Estimate | float | None


@dataclass(frozen=True)
class Row:
    """One metric of the table.

    Attributes:
        metric: Key of the metric.
        label: Its name, with ``{evaluator}`` and ``{text}`` where it depends on them.
        higher: Whether a higher figure is better.
        percent: Whether it is a rate in 0..1 shown as a percentage.
        decimals: Decimals of a shown figure.
    """

    metric: str
    label: str
    higher: bool
    percent: bool
    decimals: int

    def heading(self, evaluator: str, text: str) -> str:
        """Return the row's heading, such as ``Stanza PS ↑``; see ``to_markdown`` for the arguments."""
        return f"{self.name(evaluator, text)} {'↑' if self.higher else '↓'}"

    def name(self, evaluator: str, text: str) -> str:
        """Return the row's name without the arrow, such as ``PPL-Wiki``."""
        return self.label.format(evaluator=evaluator, text=text)

    def cell(self, value: Value) -> str:
        """Return the figure as the card shows it: ``98.5%``, ``100%``, ``0.392``, ``98.5% [95.7, 99.5]``."""
        span = self.interval(value)
        return f"{self.figure(value)} {span}" if span else self.figure(value)

    def figure(self, value: Value) -> str:
        """Return the figure without its interval."""
        known = point(value)
        if known is None:
            return markdown.ABSENT
        return self._number(known) + ("%" if self.percent else "")

    def interval(self, value: Value) -> str:
        """Return ``[low, high]`` in the unit of the figure, or nothing where there is none."""
        if not isinstance(value, Estimate) or point(value) is None or not _finite(value.low, value.high):
            return ""
        return f"[{self._number(value.low)}, {self._number(value.high)}]"

    def change(self, delta: float) -> str:
        """Return a difference with its sign and, for a rate, its unit: ``+15.5 points``."""
        return self._signed(delta) + (" points" if self.percent else "")

    def change_interval(self, comparison: Comparison) -> str:
        """Return the interval of a difference, or nothing where there is none."""
        if not _finite(comparison.low, comparison.high):
            return ""
        return f"[{self._signed(comparison.low)}, {self._signed(comparison.high)}]"

    def _number(self, value: float) -> str:
        # As on the cards, a whole 100 has no decimals; 99.97% is not whole and stays "100.0".
        if self.percent and value == 1.0:
            return "100"
        return f"{self._rounded(value):.{self.decimals}f}"

    def _signed(self, value: float) -> str:
        return f"{self._rounded(value):+.{self.decimals}f}"

    def _rounded(self, value: float) -> float:
        # Adding zero turns a rounded -0.0 into 0.0.
        return round(100.0 * value if self.percent else value, self.decimals) + 0.0


ROWS = (
    Row("parse_success", "{evaluator} PS", True, True, 1),
    Row("parse_score", "Parse score", True, False, 3),
    Row("ppl", "PPL-{text}", False, False, 1),
    Row("bits_per_byte", "Bits per byte", False, False, 3),
    Row("scala_auroc", "ScaLA AUROC", True, False, 3),
    Row("acceptability_auroc", "CoLA AUROC", True, False, 3),
    Row("summ_ps", "Summ PS", True, True, 1),
    Row("summ_score", "Summ score", True, False, 3),
    Row("rc_aps", "RC APS", True, True, 1),
    Row("rc_f1", "RC F1", True, True, 1),
    Row("rc_em", "RC EM", True, True, 1),
    Row("mattr", "MATTR", True, False, 3),
)
# Columns of a terminal in which a third column of figures has room.
_ROOM = 100
ROW = {row.metric: row for row in ROWS}


@dataclass(frozen=True)
class Column:
    """One model's figures.

    Attributes:
        heading: Name of the model in the table.
        values: Figure by metric; rates are fractions in 0..1. A missing or None figure was not measured.
        reference: Whether it is no model but what models are held against, such as human text.

    Raises:
        ValueError: A metric is not one of ``ROWS``: it would be left out without a word.
    """

    heading: str
    values: Mapping[str, Value]
    reference: bool = False

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.values) - set(ROW)):
            raise ValueError(f"no row for the metrics {', '.join(unknown)}")

    def point(self, metric: str) -> float | None:
        """Return the figure of ``metric`` without its interval, None where it was not measured."""
        return point(self.values.get(metric))


def models(columns: Sequence[Column]) -> list[Column]:
    """Return the columns of models: the base first, the final one last."""
    return [column for column in columns if not column.reference]


def point(value: Value) -> float | None:
    """Return a figure without its interval; None where there is none, or it is not finite."""
    figure = value.value if isinstance(value, Estimate) else value
    return None if figure is None or not math.isfinite(figure) else float(figure)


def measured(columns: Sequence[Column]) -> list[Row]:
    """Return the rows that at least one column has a figure for, in the card's order."""
    return [row for row in ROWS if any(column.point(row.metric) is not None for column in columns)]


def p_value(p: float) -> str:
    """Return a p-value for people: three decimals, ``<0.001`` below that, ``–`` where there is none."""
    if not math.isfinite(p):
        return markdown.ABSENT
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def to_markdown(columns: Sequence[Column], *, evaluator: str, text: str) -> str:
    """Return the card's results table.

    Args:
        columns: The base first, the model of the card last; then what is no model.
        evaluator: Name of the parser that measured, for the first row: ``Stanza``.
        text: Name of the held-out text of the perplexity: ``Wiki``.
    """
    headings = ["Metric", *(markdown.escape(column.heading) for column in columns)]
    rows = []
    for row in measured(columns):
        cells = [row.cell(column.values.get(row.metric)) for column in columns]
        rows.append([markdown.escape(row.heading(evaluator, text)), *cells])
    return markdown.table(headings, rows)


def to_rich(
    columns: Sequence[Column], comparisons: Mapping[str, Comparison], *, evaluator: str, text: str, width: int = 80
) -> Table:
    """Return the results as a table for a terminal: figures, final model minus base, and its test.

    What makes a figure sure stands under it: n under the metric, the interval under the figure, the test
    under p. So two models fit 80 columns, which is also what plain text in a log gets; there human text stands under
    the metric, and has a column of its own where there is room.

    Args:
        columns: The base first, the final model last; then what is no model.
        comparisons: Paired comparison, final minus base, by metric.
        evaluator: See ``to_markdown``.
        text: See ``to_markdown``.
        width: Columns of the terminal.
    """
    beside = [] if width >= _ROOM else [column for column in columns if column.reference]
    columns = [column for column in columns if column not in beside]
    headings = ["Metric", *(column.heading for column in columns), "Δ", "p"]
    rows: list[list[tuple[str, ...]]] = []
    for row in measured(columns):
        values = [column.values.get(row.metric) for column in columns]
        last = models(columns)[-1].values.get(row.metric)
        n = f"n = {last.n:,}" if isinstance(last, Estimate) else ""
        figures = [(row.figure(value), row.interval(value)) for value in values]
        tested = _tested(row, comparisons.get(row.metric))
        known = [column for column in beside if column.point(row.metric) is not None]
        under = [f"{column.heading} {row.figure(column.point(row.metric))}" for column in known]
        rows.append([(row.heading(evaluator, text), n, *under), *figures, *tested])
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for place, heading in enumerate(headings):
        # Headings and names of tests may wrap; figures may not.
        breaks = place == len(headings) - 1
        width = max((len(part) for row in rows for part in row[place]), default=0)
        justify: Literal["left", "right"] = "left" if place == 0 or breaks else "right"
        # Text, not str: a heading such as "[Ablation]" would be taken for a style and vanish.
        table.add_column(Text(heading), justify=justify, min_width=None if breaks else width)
    for cells in rows:
        table.add_row(*(Text("\n".join(filter(None, cell))) for cell in cells))
    return table


def _tested(row: Row, comparison: Comparison | None) -> list[tuple[str, str]]:
    if comparison is None or not math.isfinite(comparison.delta):
        return [(markdown.ABSENT, "")] * 2
    change = row.change(comparison.delta), row.change_interval(comparison)
    return [change, (p_value(comparison.p), comparison.test)]


def _finite(*numbers: float) -> bool:
    return all(math.isfinite(number) for number in numbers)
