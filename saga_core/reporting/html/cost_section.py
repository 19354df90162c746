"""The section of time and cost: what each stage took, and where; no price, for a record holds none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from saga_core.reporting.html.run_facts import Made, RunFacts, RunStage
from saga_core.reporting.html.svg import WIDTH, add, drawing, markup

_ROW = 22.0
_NAME = 112.0
_FIGURE = 62.0
_CPU_BUILD = "+cpu"


@dataclass(frozen=True)
class CostRow:
    """A stage: whether this run made it, its time, its pool and its device; the page may go public, so no host."""

    stage: str
    made_here: str
    took: str
    pool: str
    device: str


@dataclass(frozen=True)
class Cost:
    """The section.

    Attributes:
        drawing: Bars of the stages' times.
        rows: The stages that have an artifact.
        pools: Pool, machine hours of what this run made, and of all that the result took.
    """

    drawing: Markup
    rows: tuple[CostRow, ...]
    pools: tuple[tuple[str, str, str], ...]


def cost(facts: RunFacts) -> Cost | None:
    """Return the section, or None where no stage has an artifact."""
    made = [(stage, stage.made) for stage in facts.stages if stage.made]
    if not made:
        return None
    rows = tuple(
        CostRow(
            stage.stage,
            "yes" if stage.state == "computed" else "no, it was cached",
            duration(artifact.seconds),
            stage.pool or "–",
            _device(stage, artifact),
        )
        for stage, artifact in made
    )
    totals = []
    for pool in dict.fromkeys(stage.pool for stage, _ in made):
        some = [(stage, artifact) for stage, artifact in made if stage.pool == pool]
        now = sum(artifact.seconds for stage, artifact in some if stage.state == "computed")
        totals.append((f"saga-{pool}" if pool else "unknown", _hours(now), _hours(sum(a.seconds for _, a in some))))
    return Cost(_bars(made), rows, tuple(totals))


def duration(seconds: float) -> str:
    """Return a time as people read it: ``0.4 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds >= 0.05 else "under 0.1 s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _device(stage: RunStage, artifact: Made) -> str:
    if stage.pool == "cpu":
        return "CPU"
    # Torch's own name tells a build that can use no GPU; of another it is not known what it found.
    return "CPU" if artifact.packages.get("torch", "").endswith(_CPU_BUILD) else "not recorded"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.3f} h" if seconds < 3600 else f"{seconds / 3600:,.1f} h"


def _bars(made: Sequence[tuple[RunStage, Made]]) -> Markup:
    most = max(artifact.seconds for _, artifact in made) or 1.0
    told = "; ".join(f"{stage.stage} {duration(artifact.seconds)}" for stage, artifact in made)
    root = drawing(WIDTH, _ROW * len(made) + 4, f"Bars of the stages' times: {told}")
    for place, (stage, artifact) in enumerate(made):
        y = _ROW * place + 4
        add(root, "text", "label end", stage.stage, x=_NAME - 8, y=y + 13)
        wide = (WIDTH - _NAME - _FIGURE) * artifact.seconds / most
        kind = "bar base" if stage.state == "computed" else "bar cached"
        add(root, "rect", kind, x=_NAME, y=y + 2, width=max(wide, 1.0), height=_ROW - 8)
        add(root, "text", "tick", duration(artifact.seconds), x=_NAME + wide + 5, y=y + 13)
    return markup(root)
