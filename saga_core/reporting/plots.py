"""Plots as PNG: results, training, scores.

The same figures give the same bytes: no date or version is stored. No state of pyplot is touched, so
flows may plot from several threads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saga_core.evaluation.statistics import Estimate
from saga_core.reporting.results import Column, Row, measured
from saga_core.reporting.style import COLOURS, DPI, GREY, MARKERS, literal, plain, png

_UNITS = {"ppl": "Perplexity per token", "bits_per_byte": "Bits per UTF-8 byte"}


def results_figure(columns: Sequence[Column], *, evaluator: str, text: str) -> bytes:
    """Plot every model's figures with intervals: rates, scores in 0..1, and each ratio on its own scale.

    Args:
        columns: The base first, the final model last.
        evaluator: Name of the evaluating parser, for the first row.
        text: Name of the held-out text of the perplexity.

    Returns:
        A PNG.
    """
    rows = measured(columns)
    rates = [row for row in rows if row.percent]
    scores = [row for row in rows if not row.percent and row.higher]
    groups = [(rates, "Rate (%)"), (scores, "Score (0 to 1)")]
    groups += [([row], _UNITS[row.metric]) for row in rows if not row.higher]
    groups = [(group, unit) for group, unit in groups if group]
    heights = [len(group) + 0.9 for group, _ in groups]
    figure = Figure(figsize=(8, 0.42 * sum(heights) + 0.55 * len(groups) + 0.5), layout="constrained", dpi=DPI)
    panels = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
    for panel, (group, unit) in zip(panels, groups, strict=True):
        _points(panel, group, columns, evaluator, text)
        panel.set_xlabel(unit)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(columns), 3), frameon=False)
    return png(figure)


def _points(panel: Axes, rows: Sequence[Row], columns: Sequence[Column], evaluator: str, text: str) -> None:
    spread = min(0.24 * (len(columns) - 1), 0.6)
    for place, column in enumerate(columns):
        offset = spread * (place / (len(columns) - 1) - 0.5) if spread else 0.0
        drawn = [(y + offset, row, column.values.get(row.metric)) for y, row in enumerate(rows)]
        drawn = [(y, row, value) for y, row, value in drawn if column.point(row.metric) is not None]
        scaled = [[100.0 * part if row.percent else part for part in _span(value)] for _, row, value in drawn]
        panel.errorbar(
            [point for point, _, _ in scaled],
            [y for y, _, _ in drawn],
            xerr=[
                [max(point - low, 0.0) for point, low, _ in scaled],
                [max(high - point, 0.0) for point, _, high in scaled],
            ],
            linestyle="none",
            capsize=3,
            markersize=6,
            label=literal(column.heading),
            color=COLOURS[place % len(COLOURS)],
            marker=MARKERS[place % len(MARKERS)],
        )
    panel.set_yticks(range(len(rows)), [literal(row.heading(evaluator, text)) for row in rows])
    panel.set_ylim(len(rows) - 0.4, -0.6)
    if rows[0].higher:
        # The whole range of a rate or score, so that a small difference does not look like a large one.
        top = 100 if rows[0].percent else 1
        panel.set_xlim(-0.02 * top, 1.02 * top)
    plain(panel, "x")


def _span(value: Estimate | float | None) -> tuple[float, float, float]:
    if isinstance(value, Estimate):
        low = value.low if math.isfinite(value.low) else value.value
        high = value.high if math.isfinite(value.high) else value.value
        return value.value, low, high
    point = value if value is not None else math.nan
    return point, point, point


@dataclass(frozen=True)
class Panel:
    """One axis of a training's picture.

    Attributes:
        label: What it shows, with its unit.
        lines: Figures of the log with their names in the legend.
        limits: Ends of the axis; None for those of the figures.
    """

    label: str
    lines: tuple[tuple[str, str], ...]
    limits: tuple[float, float] | None = None


_TRAINING = (
    Panel("DPO loss", (("loss", "loss"),)),
    Panel("Reward margin\n(chosen − rejected)", (("rewards/margins", "margin"),)),
    Panel("Reward accuracy\n(share of pairs)", (("rewards/accuracies", "accuracy"),)),
    Panel(
        "Log-probability of\na completion (nats)",
        (("logps/chosen", "chosen"), ("logps/rejected", "rejected")),
    ),
)


def training_figure(history: Sequence[Mapping[str, object]], panels: Sequence[Panel] = _TRAINING) -> bytes:
    """Plot a trainer's log: loss, and for DPO reward margin, reward accuracy and log-probabilities by step.

    Args:
        history: The trainer's ``state.log_history``; records without a figure of interest are passed over.
        panels: What to show of it.

    Returns:
        A PNG. A quantity that was never logged has no panel.
    """
    series = {key: _series(history, key) for panel in panels for key, _ in panel.lines}
    shown = [panel for panel in panels if any(series[key] for key, _ in panel.lines)]
    figure = Figure(figsize=(8, 1.9 * max(len(shown), 1) + 0.6), layout="constrained", dpi=DPI)
    if not shown:
        figure.text(0.5, 0.5, "Nothing was logged", ha="center", va="center")
        return png(figure)
    axes = figure.subplots(len(shown), 1, squeeze=False, sharex=True)[:, 0]
    for axis, panel in zip(axes, shown, strict=True):
        for place, (key, label) in enumerate(panel.lines):
            steps = [step for step, _ in series[key]]
            values = [value for _, value in series[key]]
            axis.plot(steps, values, color=COLOURS[place], marker=MARKERS[place], markersize=3.5, label=label)
        axis.set_ylabel(panel.label)
        if panel.limits is not None:
            low, high = panel.limits
            # A line along the end would be cut in half.
            axis.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        if len(panel.lines) > 1:
            axis.legend(frameon=False)
        plain(axis, "both")
    axes[-1].set_xlabel("Optimiser step")
    axes[-1].xaxis.get_major_locator().set_params(integer=True)
    figure.align_ylabels(axes)
    return png(figure)


def _series(history: Sequence[Mapping[str, object]], key: str) -> list[tuple[int, float]]:
    points = []
    for record in history:
        step, value = record.get("step"), record.get(key)
        if isinstance(step, int | float) and isinstance(value, int | float) and math.isfinite(value):
            # Read back from a table, a step is a float.
            points.append((int(step), float(value)))
    return points


def scores_figure(scores: Sequence[float], chosen: Sequence[float], rejected: Sequence[float]) -> bytes:
    """Plot how scores are spread: all candidates', and those of the pairs' two sides.

    Args:
        scores: Scores of all candidates, each -1 (does not parse) or in (0, 1].
        chosen: Scores of the pairs' better sides.
        rejected: Scores of the pairs' worse sides.

    Returns:
        A PNG.
    """
    figure = Figure(figsize=(8, 5), layout="constrained", dpi=DPI)
    every, pairs = figure.subplots(2, 1, sharex=True)
    # Bins of 0.05 centred on their figure, so that -1 and 1 have a whole bin each.
    edges = [-1.025 + 0.05 * each for each in range(42)]
    every.hist(scores, bins=edges, color=GREY, label=_label("all candidates", scores))
    every.set_ylabel("Candidates")
    pairs.hist(chosen, bins=edges, color=COLOURS[0], alpha=0.75, label=_label("chosen", chosen))
    pairs.hist(
        rejected,
        bins=edges,
        histtype="step",
        hatch="////",
        color=COLOURS[1],
        linewidth=1.5,
        label=_label("rejected", rejected),
    )
    pairs.set_ylabel("Pairs")
    pairs.set_xlabel("Score (−1: does not parse)")
    for axis in (every, pairs):
        axis.legend(frameon=False, loc="upper center")
        axis.yaxis.get_major_locator().set_params(integer=True)
        plain(axis, "y")
    return png(figure)


def _label(name: str, scores: Sequence[float]) -> str:
    mean = f", mean {sum(scores) / len(scores):.3f}" if scores else ""
    return f"{name} (n = {len(scores):,}{mean})".replace("-", "−")
