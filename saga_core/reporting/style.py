"""The look of every picture: colours, markers, plain axes, and PNG bytes that depend on the figures alone."""

from __future__ import annotations

import io
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart in every common colour blindness; shapes differ as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "D", "^", "v", "P")
GREY = "#6E6E6E"
DPI = 150


def literal(text: str) -> str:
    """Return text that matplotlib shows as it is: a dollar sign would begin mathematics."""
    return text.replace("$", r"\$")


def plain(axis: Axes, grid: Literal["x", "y", "both"]) -> None:
    """Take away an axis' frame and give it a light grid."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(True, axis=grid, color="#DDDDDD", linewidth=0.8)
    axis.set_axisbelow(True)


def png(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    buffer = io.BytesIO()
    # "Software" would hold matplotlib's version, and with it change the bytes.
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()
