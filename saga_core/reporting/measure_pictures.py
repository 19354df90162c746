"""The pictures of the stages that measure the judge, the items and the reward's tricks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from saga_core.evaluation.signs import JUDGED
from saga_core.reporting.measure_words import finding_label, tasks_of
from saga_core.reporting.style import COLOURS, DPI, GREY, MARKERS, literal, plain, png

_WIDTH = 7.0
_MODELS = (("base", "Base"), ("final", "Aligned"), ("human", "Human text"))


def findings_figure(findings: Sequence[Mapping[str, Any]]) -> bytes:
    """Plot a judge's check: what tells right from wrong on one axis, what passes on another.

    Args:
        findings: Of ``judges.checking.check``, as mappings.

    Returns:
        A PNG.
    """
    scores = [f for f in findings if f["measure"] == "AUROC"]
    rates = [f for f in findings if f["measure"] == "PS"]
    groups = [(scores, 1.0, "AUROC of right over wrong (0.5 is chance)"), (rates, 100.0, "Sentences that pass (%)")]
    groups = [group for group in groups if group[0]]
    heights = [len(group) + 1.2 for group, _, _ in groups]
    figure = Figure(figsize=(_WIDTH, 0.34 * sum(heights) + 0.6 * len(groups)), layout="constrained", dpi=DPI)
    axes = figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, (group, scale, label) in zip(axes, groups, strict=True):
        for place, f in enumerate(group):
            _point(axis, place, f, scale, 0, None)
        axis.set_yticks(range(len(group)), [literal(finding_label(f)) for f in group])
        axis.set_ylim(len(group) - 0.4, -0.6)
        axis.set_xlim(-0.02 * scale, 1.02 * scale)
        if scale == 1.0:
            axis.axvline(0.5, color=GREY, linestyle="--", linewidth=1)
        axis.set_xlabel(label)
        plain(axis, "x")
    return png(figure)


def items_figure(headline: Mapping[str, Any]) -> bytes:
    """Plot how many items of each task are measured on, and how many were left out as seen by the training.

    Returns:
        A PNG.
    """
    shown = tasks_of(headline)
    figure = Figure(figsize=(_WIDTH, 0.45 * len(shown) + 1.1), layout="constrained", dpi=DPI)
    axis = figure.subplots()
    for place, (_, kept, left) in enumerate(shown):
        axis.barh(place, kept, color=COLOURS[0], label="measured on" if place == 0 else None)
        axis.barh(
            place, left, left=kept, color="none", edgecolor=COLOURS[1], hatch="////",
            label="left out: the training has seen it" if place == 0 else None,
        )  # fmt: skip
        axis.text(kept + left, place, f" {kept:,}" + (f", left out {left:,}" if left else ""), va="center")
    axis.set_yticks(range(len(shown)), [task.label for task, _, _ in shown])
    axis.invert_yaxis()
    axis.margins(x=0.35)
    axis.set_xlabel("Items")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    plain(axis, "x")
    return png(figure)


def panel_figure(figures: Mapping[str, Mapping[str, Mapping[str, float]]]) -> bytes:
    """Plot parse success by the training's judge and by the evaluator, of base, aligned model and human text.

    Args:
        figures: Of the panel, as mappings.

    Returns:
        A PNG.
    """
    figure = Figure(figsize=(_WIDTH, 3.0), layout="constrained", dpi=DPI)
    axis = figure.subplots()
    for place, sign in enumerate(JUDGED):
        for nth, (model, label) in enumerate(_MODELS):
            _point(axis, place + 0.22 * (nth - 1), figures[sign.name][model], 100.0, nth, label if place == 0 else None)
    axis.set_yticks(range(len(JUDGED)), [sign.label for sign in JUDGED])
    axis.set_ylim(len(JUDGED) - 0.4, -0.6)
    axis.set_xlim(-2, 102)
    axis.set_xlabel("Continuations that parse (%)")
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    plain(axis, "x")
    return png(figure)


def _point(axis: Axes, y: float, figure: Mapping[str, float], scale: float, nth: int, label: str | None) -> None:
    value, low, high = (scale * figure[name] for name in ("value", "low", "high"))
    axis.errorbar(
        value,
        y,
        xerr=[[max(value - low, 0.0)], [max(high - value, 0.0)]],
        color=COLOURS[nth],
        marker=MARKERS[nth],
        markersize=6,
        capsize=3,
        linestyle="none",
        label=label,
    )
