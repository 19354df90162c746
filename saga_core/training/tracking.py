"""Telling a training's log while it runs: as TensorBoard's event files, and to whatever else Transformers reports to.

A tracker is a bystander. What it draws at random changes nothing of what is trained, and one that fails is let go.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partialmethod
from pathlib import Path

import numpy as np
import torch
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.integrations import TensorBoardCallback, get_reporting_integration_callbacks

from saga_core.errors import SagaError
from saga_core.telling import tell
from saga_core.trackers import Tracker

_TENSORBOARD = "tensorboard"
# Their callbacks leave a run open, which would then take in the next training of the process: what ends it.
_ENDINGS = {"comet_ml": "end", "swanlab": "finish", "wandb": "finish"}


@dataclass(frozen=True)
class Tracking:
    """To whom a training's log is told.

    Attributes:
        report_to: The trackers.
        run: What they call the training.
        folder: Local folder for TensorBoard's event files; need not exist.
        keep: Brings the event files to where they are kept; called after each checkpoint and at the end.
    """

    report_to: Sequence[Tracker]
    run: str
    folder: Path
    keep: Callable[[], None]


class EventFilesCallback(TensorBoardCallback):
    """TensorBoard's own callback, writing to a given folder, in which an earlier start may have left files.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Begin a file; what an earlier one says of the steps that now follow no longer counts."""
        self.tb_writer = self._SummaryWriter(str(self._folder), purge_step=state.global_step + 1)
        super().on_train_begin(args, state, control, **kwargs)


class TrackersCallback(TrainerCallback):
    """Pass a trainer's events on to trackers.

    Args:
        tracking: The trackers.
        what: What is being trained, for what is told of a failure.
    """

    def __init__(self, tracking: Tracking, what: str) -> None:
        self._tracking, self._what = tracking, what
        self._trackers: dict[str, TrainerCallback] = {}
        for name in dict.fromkeys(tracking.report_to):
            with self._apart(name):
                if name == _TENSORBOARD:
                    self._trackers[name] = EventFilesCallback(tracking.folder)
                else:
                    (made,) = get_reporting_integration_callbacks([name])
                    self._trackers[name] = made()

    def close(self) -> None:
        """End what trackers leave open, also of a training that was interrupted."""
        for name, tracker in list(self._trackers.items()):
            with self._apart(name):
                if name == _TENSORBOARD and tracker.tb_writer is not None:
                    tracker.tb_writer.close()
                elif name in _ENDINGS:
                    getattr(importlib.import_module(name), _ENDINGS[name])()

    def _pass_on(
        self, event: str, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        for name, tracker in list(self._trackers.items()):
            with self._apart(name):
                getattr(tracker, event)(args, state, control, **kwargs)
        if event in ("on_save", "on_train_end") and _TENSORBOARD in self._trackers:
            self._keep()

    on_init_end = partialmethod(_pass_on, "on_init_end")
    on_train_begin = partialmethod(_pass_on, "on_train_begin")
    on_step_end = partialmethod(_pass_on, "on_step_end")
    on_log = partialmethod(_pass_on, "on_log")
    on_save = partialmethod(_pass_on, "on_save")
    on_train_end = partialmethod(_pass_on, "on_train_end")

    def _keep(self) -> None:
        try:
            self._tracking.keep()
        except SagaError as error:
            # What was trained is worth more than its curves, and the next checkpoint tries again.
            tell(f"  {self._what}: TensorBoard's events are not kept yet: {error}")

    @contextmanager
    def _apart(self, name: str) -> Iterator[None]:
        """Let a tracker do something: its randomness stays its own, and where it fails, it is asked no more."""
        python, numpy = random.getstate(), np.random.get_state()
        try:
            with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
                yield
        except Exception as error:  # Whatever a library or a network raises: the training goes on.
            self._trackers.pop(name, None)
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            tell(f"  {self._what}: goes on, and is no longer reported to {name}: {said}")
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


@contextmanager
def reporting(trainer: Trainer, tracking: Tracking | None, what: str) -> Iterator[None]:
    """Have a trainer report to trackers while something runs.

    Args:
        trainer: Not yet begun.
        tracking: The trackers, or None for none.
        what: What is being trained.
    """
    if tracking is None:
        yield
        return
    trainer.args.run_name = tracking.run
    callback = TrackersCallback(tracking, what)
    trainer.add_callback(callback)
    # Some begin here, and the trainer was made before they were.
    callback.on_init_end(trainer.args, trainer.state, trainer.control)
    try:
        yield
    finally:
        callback.close()
