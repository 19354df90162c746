"""A training's log as a table, and what its last epoch came to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from saga_core.artifacts.tables import read_rows, write_rows
from saga_core.errors import DamagedArtifactError

HISTORY = "history.parquet"


def write_history(folder: Path, history: Sequence[dict[str, float]]) -> None:
    """Keep a training's log, one row a logged step; a figure that a step lacks is empty."""
    columns = list(dict.fromkeys(name for row in history for name in row))
    rows = [{name: row.get(name) for name in columns} for row in history]
    write_rows(folder / HISTORY, rows, dict.fromkeys(columns, "double"))


def read_history(folder: Path, steps: int) -> list[dict[str, float]]:
    """Read what ``write_history`` wrote of a training that logs every step.

    Args:
        folder: Where it is.
        steps: How many steps the training had done.

    Raises:
        DamagedArtifactError: It is not the log of these steps.
    """
    file = folder / HISTORY
    rows = [{name: value for name, value in row.items() if value is not None} for row in read_rows(file, count=steps)]
    if not all(isinstance(value, float) for row in rows for value in row.values()):
        raise DamagedArtifactError("it holds more than figures", str(file))
    if [row.get("step") for row in rows] != list(range(1, steps + 1)):
        raise DamagedArtifactError(f"it is not that of steps 1 to {steps}", str(file))
    return rows


def last_epoch_mean(history: Sequence[dict[str, float]], name: str, rows: int, batch_size: int, epochs: int) -> float:
    """Return the mean of a figure over the rows of the last epoch.

    A step's figure is a mean over its rows, and the last step of an epoch may have few.

    Args:
        history: One row an optimizer step.
        name: The figure.
        rows: Training rows an epoch.
        batch_size: Rows a step.
        epochs: Epochs trained.
    """
    steps = history[-(len(history) // epochs) :]
    sizes = [min(batch_size, rows - i * batch_size) for i in range(len(steps))]
    return sum(size * step[name] for size, step in zip(sizes, steps, strict=True)) / sum(sizes)
