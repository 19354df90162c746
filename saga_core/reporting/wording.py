"""How figures are written on the stages' pages."""

from __future__ import annotations

import math
from collections.abc import Sequence

from saga_core.evaluation.statistics import Estimate
from saga_core.reporting.markdown import ABSENT

# Of the panel's signs that are no shares of one.
SIGN_DECIMALS = {"words": 1, "opener_entropy": 2}

# Rows of two cells.
Cells = Sequence[tuple[str, str]]


def percent(share: float | None) -> str:
    """Return a share in 0..1 as ``98.5%``."""
    return ABSENT if share is None else f"{100 * share:.1f}%"


def part_of(part: int, whole: int) -> str:
    """Return ``3 of 4 (75.0%)``."""
    return f"{part:,} of {whole:,}" + (f" ({percent(part / whole)})" if whole else "")


def number(value: float | None, decimals: int = 3) -> str:
    """Return a figure with so many decimals."""
    return ABSENT if value is None or not math.isfinite(value) else f"{value:.{decimals}f}".replace("-", "−")


def rate(estimate: Estimate) -> str:
    """Return a rate with its interval: ``98.5% [95.7, 99.5]``."""
    return f"{percent(estimate.value)} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def kept_together(cell: str) -> str:
    """Return a cell that a narrow column breaks before an interval or between words alone."""
    for last in ("points", "↑", "↓"):
        cell = cell.replace(f" {last}", f"\u00a0{last}")
    return cell.replace(", ", ",\u00a0")
