from __future__ import annotations

from contextlib import ExitStack

import pytest
from transformers import TrainerControl, TrainerState, TrainingArguments

from saga_core.training.callbacks import ProgressCallback


def test_steps_are_shown_as_progress(capsys: pytest.CaptureFixture[str], tmp_path: object) -> None:
    args, control = TrainingArguments(str(tmp_path), use_cpu=True), TrainerControl()
    with ExitStack() as stack:
        callback = ProgressCallback("DPO", stack)
        callback.on_train_begin(args, TrainerState(max_steps=3), control)
        for _ in range(3):
            callback.on_step_end(args, TrainerState(max_steps=3), control)
    assert "DPO: 3/3 steps" in capsys.readouterr().err
