"""The section of the training: the curves of KL-SFT and of DPO."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from saga_core.reporting.html.curves import Curve, curves
from saga_core.reporting.html.run_facts import RunFacts


@dataclass(frozen=True)
class _Chart:
    caption: str
    lines: tuple[tuple[str, str], ...]
    limits: tuple[float, float] | None = None


_SFT = (
    _Chart("Loss (nats a token)", (("loss", ""),)),
    _Chart("KL to the base (nats a token)", (("kl", ""),)),
)
_DPO = (
    _Chart("DPO loss", (("loss", ""),)),
    _Chart("Reward accuracy (share of pairs)", (("rewards/accuracies", ""),), (0.0, 1.0)),
    _Chart("Reward margin (chosen − rejected)", (("rewards/margins", ""),)),
    _Chart("Log-probability (nats)", (("logps/chosen", "chosen"), ("logps/rejected", "rejected"))),
)


@dataclass(frozen=True)
class Figure:
    """A chart with its caption, and how each line went, for those who read rather than look."""

    caption: str
    drawing: Markup
    said: str


@dataclass(frozen=True)
class Trained:
    """The charts of one stage."""

    heading: str
    figures: tuple[Figure, ...]


def training(facts: RunFacts) -> tuple[Trained, ...]:
    """Return the stages that were trained, each with its charts."""
    stages = (("KL-SFT", facts.sft_history, _SFT), ("DPO", facts.dpo_history, _DPO))
    found = [Trained(name, tuple(_figures(history, charts))) for name, history, charts in stages]
    return tuple(stage for stage in found if stage.figures)


def _figures(history: Sequence[Mapping[str, Any]], charts: Sequence[_Chart]) -> list[Figure]:
    figures = []
    for chart in charts:
        lines = [Curve(label, _points(history, key)) for key, label in chart.lines]
        lines = [line for line in lines if line.points]
        if lines:
            said = "; ".join(_said(line) for line in lines)
            drawn = curves(f"{chart.caption} by step: {said}", lines, chart.limits)
            figures.append(Figure(chart.caption, drawn, said))
    return figures


def _points(history: Sequence[Mapping[str, Any]], key: str) -> tuple[tuple[float, float], ...]:
    found = ((row.get("step"), row.get(key)) for row in history)
    return tuple(
        (float(step), float(value))
        for step, value in found
        if isinstance(step, int | float) and isinstance(value, int | float) and math.isfinite(value)
    )


def _said(line: Curve) -> str:
    (first, begun), (last, ended) = line.points[0], line.points[-1]
    name = f"{line.label} " if line.label else ""
    return f"{name}{_short(begun)} at step {first:,.0f}, {_short(ended)} at step {last:,.0f}"


def _short(value: float) -> str:
    return f"{round(value, 3) + 0.0:,g}".replace("-", "−")
