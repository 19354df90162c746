"""Checkpoints in safetensors and JSON alone, from which a killed training goes on to the bytes it would have had.

The Trainer's own are pickles, which whoever can write to the storage could fill with code, and where one is missing it
goes on with a fresh optimizer without a word. Here whatever is missing or unlike this training ends it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeVar, cast

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import Trainer

from saga_core.errors import DamagedArtifactError, StageError
from saga_core.training.history import HISTORY, read_history, write_history

_STATE = "trainer_state.json"
_WEIGHTS = "adapter.safetensors"
_MOMENTS, _GROUPS = "optimizer.safetensors", "optimizer.json"
_SCHEDULER = "scheduler.json"
_TORCH_RNG, _OTHER_RNG = "rng.safetensors", "rng.json"

# The largest has the names of what is trained.
_MOST_JSON = 16 << 20

_Word = Annotated[int, Field(ge=0, lt=2**32)]
_T = TypeVar("_T")


class Checkpoints(Protocol):
    """Where a training's state is kept so that another process, on another machine, can go on."""

    @property
    def every(self) -> int:
        """Optimizer steps between two checkpoints."""

    def keep(self, step: int, folder: Path) -> None:
        """Keep a complete folder, which is removed afterwards; a ``SagaError`` raised here ends the training."""

    def newest(self, files: Collection[str]) -> Path | None:
        """Return a local folder whose files are those that were kept, or None where there is none.

        Args:
            files: Names of the files of a checkpoint; one that has others is none.
        """

    def locate(self, folder: Path) -> str:
        """Return where the checkpoint is kept that ``newest`` gave a local folder of."""


class _State(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    global_step: int = Field(ge=1)
    max_steps: int
    num_tokens: int


class _OtherRng(BaseModel):
    """What ``random.getstate`` and ``numpy.random.get_state`` return."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    python: tuple[Literal[3], Annotated[tuple[_Word, ...], Field(min_length=625, max_length=625)], float | None]
    numpy: tuple[
        Literal["MT19937"],
        Annotated[tuple[_Word, ...], Field(min_length=624, max_length=624)],
        Annotated[int, Field(ge=0, le=624)],
        Literal[0, 1],
        float,
    ]


class ResumableTrainer(Trainer):
    """A mixin for TRL's trainers of an adapter in one process, logging every step, with AdamW and no gradient scaler.

    A checkpoint fits only the training that wrote it: the same rows and settings, on the same kind of device. The
    micro-batch may be another: the rows of a step do not depend on it, and what is learnt does so by rounding alone.
    """

    # Names of the files of a checkpoint.
    checkpoint_files: frozenset[str] = frozenset(
        {_STATE, HISTORY, _WEIGHTS, _MOMENTS, _GROUPS, _SCHEDULER, _TORCH_RNG, _OTHER_RNG}
    )

    _saved: Path
    _saved_state: _State
    # Torch's generator as the epoch found it. The order of the epoch's rows is drawn from it.
    _epoch_rng: Tensor | None = None

    def train(self, resume_from_checkpoint: Path | None = None) -> Any:  # noqa: ANN401 - as in Trainer
        """Train, or go on with what ``_save_checkpoint`` wrote to a folder.

        Raises:
            StageError: A file of the checkpoint is missing, damaged or of another training.
        """
        if resume_from_checkpoint is None:
            return super().train()
        self._saved = resume_from_checkpoint
        self._saved_state = state = _read_json(self._saved / _STATE, _State)
        try:
            history = read_history(self._saved, state.global_step)
        except DamagedArtifactError as error:
            raise _refusal(self._saved / HISTORY, error.what) from error
        self._total_train_tokens = state.num_tokens
        # The Trainer unpickles files that it knows by name, so it never sees the checkpoint, only what was read of it.
        own = Path(self.args.output_dir) / "resumed"
        own.mkdir(exist_ok=True)
        shown = {
            "global_step": state.global_step,
            "log_history": history,
            "logging_steps": self.args.logging_steps,
            "train_batch_size": self._train_batch_size,
        }
        _write_json(own / _STATE, shown)
        return super().train(resume_from_checkpoint=str(own))

    def _run_epoch(self, **kwargs: object) -> None:
        if self._epoch_rng is None:
            self._epoch_rng = torch.get_rng_state()
        else:
            # Resumed: the same order again; the Trainer skips the rows seen and then calls _load_rng_state.
            torch.set_rng_state(self._epoch_rng)
        super()._run_epoch(**kwargs)
        self._epoch_rng = None

    def _save_checkpoint(self, model: object, trial: object) -> None:
        folder = checkpoint_folder(self.args.output_dir, self.state.global_step)
        folder.mkdir()
        parameters = self._trained()
        state = self.optimizer.state
        write_tensors(folder / _WEIGHTS, parameters)
        # Without a gradient so far a parameter has no moments; they would begin so.
        write_tensors(folder / _MOMENTS, _moments({name: state.get(p) or _zeros(p) for name, p in parameters.items()}))
        _write_json(folder / _GROUPS, self._groups())
        _write_json(folder / _SCHEDULER, self.lr_scheduler.state_dict())
        write_tensors(folder / _TORCH_RNG, self._torch_rng())
        # The old form, a tuple; the other overload is a dictionary.
        kind, key, *rest = cast(tuple[Any, ...], np.random.get_state())
        _write_json(folder / _OTHER_RNG, {"python": random.getstate(), "numpy": [kind, key.tolist(), *rest]})
        saved = {
            "global_step": self.state.global_step,
            "max_steps": self.state.max_steps,
            # TRL counts them from the start of the process.
            "num_tokens": self._total_train_tokens,
        }
        _write_json(folder / _STATE, saved)
        # A long training has many steps: as text they would outgrow everything else.
        write_history(folder, self.state.log_history)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: object = None) -> None:
        parameters = self._trained()
        weights = read_tensors(self._saved / _WEIGHTS, parameters)
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(weights[name])

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        step, steps = self._saved_state.global_step, self._saved_state.max_steps
        if not step < steps == self.state.max_steps:
            what = f"it is of step {step} of {steps}, and this training has {self.state.max_steps}"
            raise _refusal(self._saved / _STATE, what)
        groups = _read_json(self._saved / _GROUPS, list[dict[str, Any]])
        rates = [group.get("lr") for group in groups]
        found, wanted = ([group | {"lr": None} for group in given] for given in (groups, _as_json(self._groups())))
        if found != wanted or not all(isinstance(rate, float) for rate in rates):
            raise _refusal(self._saved / _GROUPS, "it is not of this training's optimizer")
        fresh = {name: _zeros(parameter) for name, parameter in self._trained().items()}
        moments = read_tensors(self._saved / _MOMENTS, _moments(fresh))
        names = [name for group in groups for name in group["params"]]
        loaded = self.optimizer.state_dict()
        loaded["state"] = {i: {key: moments[f"{key}.{name}"] for key in fresh[name]} for i, name in enumerate(names)}
        for group, rate in zip(loaded["param_groups"], rates, strict=True):
            group["lr"] = rate
        self.optimizer.load_state_dict(loaded)

        scheduler = _read_json(self._saved / _SCHEDULER, dict[str, Any])
        moved = {"last_epoch": step, "_step_count": step + 1, "_last_lr": rates}
        if scheduler != _as_json(self.lr_scheduler.state_dict() | moved):
            raise _refusal(self._saved / _SCHEDULER, f"it is not of step {step} of this training")
        self.lr_scheduler.load_state_dict(scheduler)
        # The Trainer does this again where it is due; a bad file is found now, before anything is computed.
        self._load_rng_state(checkpoint)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        other = _read_json(self._saved / _OTHER_RNG, _OtherRng)
        states = read_tensors(self._saved / _TORCH_RNG, self._torch_rng())
        where = _OTHER_RNG
        try:
            random.setstate(other.python)
            kind, key, position, has_gauss, gauss = other.numpy
            np.random.set_state((kind, np.array(key, np.uint32), position, has_gauss, gauss))
            where = _TORCH_RNG
            torch.Generator().set_state(states["epoch"])
            torch.set_rng_state(states["torch"])
            if "cuda" in states:
                torch.cuda.set_rng_state(states["cuda"], self.args.device)
        except (ValueError, RuntimeError) as error:
            raise _refusal(self._saved / where, str(error)) from error
        self._epoch_rng = states["epoch"]

    def _trained(self) -> dict[str, Tensor]:
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}

    def _groups(self) -> list[dict[str, Any]]:
        names = {parameter: name for name, parameter in self._trained().items()}
        return [group | {"params": [names[p] for p in group["params"]]} for group in self.optimizer.param_groups]

    def _torch_rng(self) -> dict[str, Tensor]:
        now, epoch = torch.get_rng_state(), self._epoch_rng
        # After its last step an epoch is over, and the next one finds the generator as it is.
        if epoch is None or float(self.state.epoch).is_integer():
            epoch = now.clone()
        states = {"torch": now, "epoch": epoch}
        if self.args.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state(self.args.device)
        return states


def checkpoint_folder(output_dir: str, step: int) -> Path:
    """Return the folder that the checkpoint of a step is written to.

    Args:
        output_dir: The trainer's.
        step: The optimizer step.
    """
    return Path(output_dir) / f"checkpoint-{step}"


def write_tensors(file: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors, from whatever device, to a safetensors file."""
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, file)


def read_tensors(file: Path, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file.

    Args:
        file: The file.
        like: The names, shapes and dtypes that it must have.

    Raises:
        StageError: It has others, or cannot be read.
    """
    try:
        # Copied, because they are mapped into memory and the file may go.
        tensors = {name: tensor.clone() for name, tensor in load_file(file).items()}
    except (OSError, SafetensorError) as error:
        raise _refusal(file, str(error)) from error
    for name in sorted(tensors.keys() ^ like.keys()):
        raise _refusal(file, f"it has {name}, unlike this training" if name in tensors else f"it lacks {name}")
    for name, tensor in tensors.items():
        found, wanted = (f"{t.dtype} {list(t.shape)}" for t in (tensor, like[name]))
        if found != wanted:
            raise _refusal(file, f"{name} is {found}, not {wanted}")
    return tensors


def _zeros(parameter: Tensor) -> dict[str, Tensor]:
    """Return AdamW's state of a parameter before its first step."""
    return {
        "step": torch.zeros(()),
        "exp_avg": torch.zeros_like(parameter),
        "exp_avg_sq": torch.zeros_like(parameter),
    }


def _moments(states: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {f"{key}.{name}": tensor for name, state in states.items() for key, tensor in state.items()}


def _write_json(file: Path, value: object) -> None:
    file.write_text(json.dumps(value) + "\n", encoding="utf-8")


def _read_json(file: Path, kind: type[_T]) -> _T:
    try:
        with file.open("rb") as opened:
            text = opened.read(_MOST_JSON + 1)
    except OSError as error:
        raise _refusal(file, str(error.strerror)) from error
    if len(text) > _MOST_JSON:
        raise _refusal(file, f"it has more than {_MOST_JSON} bytes")
    try:
        return TypeAdapter(kind).validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _refusal(file, f"{where}: {first['msg']}" if where else first["msg"]) from error


def _as_json(value: object) -> Any:  # noqa: ANN401 - JSON
    return json.loads(json.dumps(value))


def _refusal(file: Path, what: str) -> StageError:
    return StageError(
        what, str(file), "go on with the settings and the kind of device it was begun with, or remove the checkpoint"
    )
