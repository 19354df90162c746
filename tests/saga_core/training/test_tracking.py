from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import TrainerCallback
from transformers.integrations import integration_utils

from saga_core.errors import StageError, StoreError
from saga_core.preferences.pairs import Pair
from saga_core.recipe import DpoSettings, LoraSettings, RuntimeSettings, SftSettings
from saga_core.trackers import Tracker
from saga_core.training.dpo import train_dpo
from saga_core.training.history import read_history, write_history
from saga_core.training.kl_sft import train_kl_sft
from saga_core.training.tracking import Tracking

# 11 rows, 4 a step: 3 steps an epoch.
STEPS = 6
LORA = LoraSettings(r=4, dropout=0.1)
RUNTIME = RuntimeSettings(device="cpu", train_micro_batch=4)

Train = Callable[..., dict[str, bytes]]


@dataclass
class Kept:
    """Checkpoints in a folder, until the store is away after a step."""

    root: Path
    every: int = 2
    away_after: int | None = None

    def keep(self, step: int, folder: Path) -> None:
        if step == self.away_after:
            raise StageError("the store is away")
        shutil.copytree(folder, self.root / f"{step:03}")

    def newest(self, files: Collection[str]) -> Path | None:
        return max(self.root.glob("[0-9]*"), default=None)

    def locate(self, folder: Path) -> str:
        return str(folder)


@pytest.fixture(scope="module")
def train(base: str, sentences: tuple[str, ...]) -> Train:
    """Train by KL-SFT, and return the files of what a stage keeps of it."""

    def run(out: Path, tracking: Tracking | None = None, kept: Kept | None = None) -> dict[str, bytes]:
        settings = SftSettings(epochs=2, batch_size=4, learning_rate=5e-3)
        result = train_kl_sft(base, None, sentences, settings, LORA, RUNTIME, 0, out, kept, tracking)
        write_history(out, result.history)
        return {file.relative_to(out).as_posix(): file.read_bytes() for file in out.rglob("*") if file.is_file()}

    return run


@pytest.fixture(scope="module")
def untracked(train: Train, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return train(tmp_path_factory.mktemp("untracked"))


def tracking(
    folder: Path, report_to: Sequence[Tracker] = ("tensorboard",), keep: Callable[[], None] = lambda: None
) -> Tracking:
    return Tracking(report_to, "demo-sft", folder, keep)


def curves(folder: Path) -> dict[str, dict[int, float]]:
    """Return value by step of every curve, as TensorBoard shows them."""
    read = EventAccumulator(str(folder)).Reload()
    assert len({event.step for event in read.Scalars("train/loss")}) == len(read.Scalars("train/loss"))
    return {tag: {event.step: event.value for event in read.Scalars(tag)} for tag in read.Tags()["scalars"]}


def check(folder: Path, out: Path) -> None:
    history, shown = read_history(out, STEPS), curves(folder)
    for name in history[0].keys() - {"step"}:
        expected = {int(row["step"]): row[name] for row in history}
        # Event files hold float32.
        assert shown[f"train/{name}"] == pytest.approx(expected, rel=1e-6), name


def test_tensorboard_shows_the_history_and_the_artifact_is_the_same(
    train: Train, untracked: dict[str, bytes], out: Path, tmp_path: Path
) -> None:
    assert train(out, tracking(tmp_path / "events")) == untracked
    check(tmp_path / "events", out)


def test_dpos_own_figures_are_shown(base: str, pairs: list[Pair], out: Path, tmp_path: Path) -> None:
    settings = DpoSettings(epochs=2, batch_size=4)
    by = Tracking(("tensorboard",), "demo-dpo", tmp_path / "events", lambda: None)
    result = train_dpo(base, None, None, pairs, [], settings, LORA, RUNTIME, 0, out, None, by)
    write_history(out, result.history)
    check(tmp_path / "events", out)
    assert "train/rewards/accuracies" in curves(tmp_path / "events")


def test_a_training_that_goes_on_shows_every_step_once(
    train: Train, untracked: dict[str, bytes], out: Path, tmp_path: Path
) -> None:
    with pytest.raises(StageError, match="the store is away"):
        # Steps 3 and 4 are told, and have to be done again.
        train(out, tracking(tmp_path / "events"), Kept(tmp_path / "kept", away_after=4))
    assert train(out, tracking(tmp_path / "events"), Kept(tmp_path / "kept")) == untracked
    assert len(list((tmp_path / "events").iterdir())) == 2
    check(tmp_path / "events", out)


def test_events_are_kept_at_checkpoints_and_at_the_end(train: Train, out: Path, tmp_path: Path) -> None:
    seen = []

    def keep() -> None:
        seen.append(max(curves(tmp_path / "events")["train/loss"]))

    train(out, tracking(tmp_path / "events", keep=keep), Kept(tmp_path / "kept"))
    assert seen == [2, 4, 6]


def test_a_store_that_is_away_costs_the_curves_alone(
    train: Train, untracked: dict[str, bytes], out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def keep() -> None:
        raise StoreError("the store is away")

    assert train(out, tracking(tmp_path / "events", keep=keep)) == untracked
    assert "  KL-SFT: TensorBoard's events are not kept yet: the store is away\n" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_costs_the_curves_alone(
    train: Train, untracked: dict[str, bytes], out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "events").write_text("a file")
    assert train(out, tracking(tmp_path / "events")) == untracked
    told = [line for line in capsys.readouterr().err.splitlines() if "tensorboard" in line]
    assert len(told) == 1
    assert told[0].startswith("  KL-SFT: goes on, and is no longer reported to tensorboard: FileExistsError")


class Unreachable(TrainerCallback):
    """A tracker that draws random numbers, and whose server goes away."""

    def on_log(self, args: object, state: object, control: object, **kwargs: object) -> None:
        random.seed(1)
        np.random.seed(1)
        torch.manual_seed(1)
        if state.global_step == 3:
            raise ConnectionError("no route\nto host")


def test_a_tracker_that_fails_is_let_go_and_the_others_are_told(
    train: Train,
    untracked: dict[str, bytes],
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "mlflow", Unreachable)
    assert train(out, tracking(tmp_path / "events", ("mlflow", "tensorboard"))) == untracked
    told = [line for line in capsys.readouterr().err.splitlines() if "mlflow" in line]
    assert told == ["  KL-SFT: goes on, and is no longer reported to mlflow: ConnectionError: no route to host"]
    check(tmp_path / "events", out)


def test_a_tracker_that_cannot_begin_is_let_go(
    train: Train, untracked: dict[str, bytes], out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Its package is not installed here; a recipe that asks for it is refused before.
    assert train(out, tracking(tmp_path / "events", ("clearml",))) == untracked
    assert "is no longer reported to clearml: RuntimeError: " in capsys.readouterr().err
    assert not (tmp_path / "events").exists()
