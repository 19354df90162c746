"""Running a trainer under our progress display, and the history it leaves behind."""

from __future__ import annotations

import math
from contextlib import ExitStack

from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from saga_core.errors import StageError
from saga_core.progress import Tick, progress


class ProgressCallback(TrainerCallback):
    """Show optimizer steps as progress.

    Args:
        what: What is being trained.
        stack: Closes the display, also when training is interrupted.
    """

    def __init__(self, what: str, stack: ExitStack) -> None:
        self._what = what
        self._stack = stack
        self._tick: Tick | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Open the display; only now the number of steps is known."""
        self._tick = self._stack.enter_context(progress(self._what, state.max_steps, "steps"))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Count a step."""
        if self._tick is not None:
            self._tick()


def run_training(trainer: Trainer, what: str) -> list[dict[str, float]]:
    """Train, and return one row of figures an optimizer step.

    Args:
        trainer: Ready to train, logging every step.
        what: What is being trained, for the display and for errors.

    Returns:
        Rows with ``step``, ``epoch``, ``loss``, ``grad_norm``, ``learning_rate`` and the trainer's own figures; no
        timings, so that the same run gives the same rows.

    Raises:
        StageError: A loss is not finite.
    """
    # With its own bars off, the Trainer prints every log row instead.
    trainer.remove_callback(PrinterCallback)
    # With several GPUs in sight the Trainer would split each batch, and a step would have more rows than was asked for.
    trainer.args._n_gpu = min(trainer.args.n_gpu, 1)
    with ExitStack() as stack:
        trainer.add_callback(ProgressCallback(what, stack))
        trainer.train()
    # The last row sums the run up: mean loss and timings.
    history = [dict(row) for row in trainer.state.log_history if "loss" in row]
    for row in history:
        if not math.isfinite(row["loss"]):
            raise StageError(
                f"the loss is {row['loss']} at step {row['step']}",
                what,
                "lower the learning rate or set bf16 to false",
            )
    return history
