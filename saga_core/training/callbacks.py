"""Running a trainer under our progress display, and the history it leaves behind."""

from __future__ import annotations

import math
import shutil
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
from saga_core.telling import tell
from saga_core.training.checkpoints import Checkpoints, checkpoint_folder
from saga_core.training.tracking import Tracking, reporting


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
        done = state.global_step
        if done:
            tell(f"  {self._what}: resuming at step {done} of {state.max_steps}")
        self._tick = self._stack.enter_context(progress(self._what, state.max_steps, "steps", done))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Count a step."""
        if self._tick is not None:
            self._tick()


class CheckpointCallback(TrainerCallback):
    """Have checkpoints written, and hand each over.

    Args:
        checkpoints: Where they are kept.
    """

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Ask for a checkpoint where one is due; after the last step the adapter itself follows at once."""
        due = state.global_step % self._checkpoints.every == 0
        control.should_save = due and state.global_step < state.max_steps

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object) -> None:
        """Keep what was written."""
        folder = checkpoint_folder(args.output_dir, state.global_step)
        self._checkpoints.keep(state.global_step, folder)
        shutil.rmtree(folder)


def _train(trainer: Trainer, checkpoints: Checkpoints | None) -> None:
    newest = checkpoints.newest(trainer.checkpoint_files) if checkpoints else None
    try:
        trainer.train(resume_from_checkpoint=newest)
    except StageError as error:
        if checkpoints is None or newest is None or not error.where.startswith(str(newest)):
            raise
        # What is read here may be a copy: the user is told of what is kept.
        where = error.where.replace(str(newest), checkpoints.locate(newest), 1)
        raise StageError(error.what, where, error.remedy) from error


def run_training(
    trainer: Trainer, what: str, checkpoints: Checkpoints | None, tracking: Tracking | None = None
) -> list[dict[str, float]]:
    """Train, from the newest checkpoint on where there is one, and return one row of figures an optimizer step.

    Args:
        trainer: Ready to train, logging every step; a ``ResumableTrainer`` where there are checkpoints.
        what: What is being trained, for the display and for errors.
        checkpoints: Where its state is kept, or None to keep none.
        tracking: To whom the log is told while it runs, or None for nobody.

    Returns:
        Rows with ``step``, ``epoch``, ``loss``, ``grad_norm``, ``learning_rate`` and the trainer's own figures; no
        timings, so that the same run gives the same rows, resumed or not.

    Raises:
        StageError: A loss is not finite, or the checkpoint cannot be used.
        SagaError: A checkpoint could not be kept.
    """
    # With its own bars off, the Trainer prints every log row instead.
    trainer.remove_callback(PrinterCallback)
    # With several GPUs in sight the Trainer would split each batch, and a step would have more rows than was asked for.
    trainer.args._n_gpu = min(trainer.args.n_gpu, 1)
    with ExitStack() as stack:
        trainer.add_callback(ProgressCallback(what, stack))
        # Before a checkpoint's local copy goes: a tracker may be asked to take it.
        stack.enter_context(reporting(trainer, tracking, what))
        if checkpoints is not None:
            trainer.add_callback(CheckpointCallback(checkpoints))
        _train(trainer, checkpoints)
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
