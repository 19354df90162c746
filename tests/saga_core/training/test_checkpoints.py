from __future__ import annotations

import gc
import json
import multiprocessing
import os
import pickle
import random
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig

from saga_core.errors import StageError
from saga_core.preferences.pairs import Pair
from saga_core.recipe import DpoSettings, LoraSettings, RuntimeSettings, SftSettings
from saga_core.training.arguments import shared_arguments
from saga_core.training.dpo import ADAPTER, train_dpo
from saga_core.training.kl_sft import KLSFTTrainer, train_kl_sft
from saga_core.training.lora import WEIGHTS, lora_config
from saga_core.training.rows import sentence_rows

# 11 rows, 4 a step, 2 a forward pass: 3 steps an epoch, the last of two and one.
SETTINGS: dict[str, Any] = {"epochs": 2, "batch_size": 4, "learning_rate": 5e-3, "bf16": True}
LAST_STEP = 6
# With dropout, so that every generator counts.
LORA = LoraSettings(r=4, dropout=0.1)

FILES = {
    "adapter.safetensors",
    "optimizer.safetensors",
    "optimizer.json",
    "scheduler.json",
    "rng.safetensors",
    "rng.json",
    "history.parquet",
    "trainer_state.json",
}
REFERENCE = "reference.safetensors"
UNPICKLED = (
    "optimizer.pt",
    "optimizer.bin",
    "scheduler.pt",
    "rng_state.pth",
    "rng_state_0.pth",
    "training_args.bin",
    "adapter_model.bin",
    "pytorch_model.bin",
    "scaler.pt",
)

# The adapter's bytes, and the figures of every step in their order.
Result = tuple[bytes, list[list[tuple[str, float]]]]
Train = Callable[..., Result]


@dataclass
class Kept:
    """Checkpoints in a folder; one comes there under its name by renaming, so that half of one never counts."""

    root: Path
    every: int = 1
    stop_after: int | None = None
    beside: list[list[str]] = field(default_factory=list)

    def keep(self, step: int, folder: Path) -> None:
        self.beside.append(sorted(entry.name for entry in folder.parent.iterdir()))
        partial = self.root / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(folder, partial)
        partial.rename(self.root / f"{step:03}")
        if step == self.stop_after:
            raise StageError("the store is away")

    def newest(self, files: Collection[str] = ()) -> Path | None:
        return max(self.root.glob("[0-9]*"), default=None)

    def locate(self, folder: Path) -> str:
        return str(folder)


def _run(
    stage: str,
    base: str,
    sentences: Sequence[str],
    pairs: Sequence[Pair],
    out: Path,
    kept: Kept | None = None,
    *,
    micro: int = 2,
    epochs: int = 2,
) -> Result:
    runtime = RuntimeSettings(device="cpu", train_micro_batch=micro)
    given = SETTINGS | {"epochs": epochs}
    if stage == "sft":
        adapter = out
        history = train_kl_sft(base, None, sentences, SftSettings(**given), LORA, runtime, 0, out, kept).history
    else:
        adapter = out / ADAPTER
        settings = DpoSettings(**given, nll_weight=0.2)
        history = train_dpo(base, None, None, pairs, sentences, settings, LORA, runtime, 0, out, kept).history
    return (adapter / WEIGHTS).read_bytes(), [list(row.items()) for row in history]


def _run_in_child(arguments: tuple[Any, ...], changes: dict[str, Any], threads: int, result: Path) -> None:
    # Another number of threads adds in another order.
    torch.set_num_threads(threads)
    weights, history = _run(*arguments, **changes)
    result.with_suffix(".safetensors").write_bytes(weights)
    result.write_text(json.dumps(history))


@pytest.fixture(scope="module", autouse=True)
def small_heap() -> Iterator[None]:
    """Accelerate collects garbage before every training, a third of a second where the libraries are looked through."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module", params=["sft", "dpo"])
def stage(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def train(stage: str, base: str, sentences: tuple[str, ...], pairs: list[Pair]) -> Train:
    return lambda out, kept=None, **changes: _run(stage, base, sentences, pairs, out, kept, **changes)


@pytest.fixture(scope="module")
def whole(train: Train, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A training that keeps nothing and is not interrupted."""
    return train(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def kept(train: Train, whole: Result, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The checkpoints of every step of a training that is not interrupted."""
    kept = Kept(tmp_path_factory.mktemp("kept"))
    # That they are written must change nothing.
    assert train(tmp_path_factory.mktemp("out"), kept) == whole
    return kept


@pytest.fixture
def one(kept: Kept, tmp_path: Path) -> Path:
    """A copy of the checkpoint after the fourth step, the first of the second epoch."""
    return shutil.copytree(kept.root / "004", tmp_path / "kept" / "004")


def test_checkpoint_holds_safetensors_and_json_alone(stage: str, kept: Kept) -> None:
    steps = sorted(kept.root.iterdir())
    assert [folder.name for folder in steps] == [f"{step:03}" for step in range(1, LAST_STEP)]
    for folder in steps:
        assert {file.name for file in folder.iterdir()} == FILES | ({REFERENCE} if stage == "dpo" else set())
    # The local copies go when they are kept.
    assert kept.beside == [[f"checkpoint-{step}"] for step in range(1, LAST_STEP)]


def test_stopped_after_every_step_it_goes_on_to_the_same_bytes(train: Train, whole: Result, tmp_path: Path) -> None:
    root, out = tmp_path / "kept", tmp_path / "out"
    root.mkdir()
    for step in range(1, LAST_STEP):
        with pytest.raises(StageError, match="the store is away"):
            train(out, Kept(root, stop_after=step))
        assert not out.exists()
    assert train(out, Kept(root)) == whole


@pytest.mark.parametrize("step", [2, 4])
def test_resumed_training_passes_through_the_same_states(
    train: Train, whole: Result, kept: Kept, tmp_path: Path, step: int
) -> None:
    again = Kept(tmp_path / "again")
    shutil.copytree(kept.root / f"{step:03}", again.root / f"{step:03}")
    assert train(tmp_path / "out", again) == whole
    for later in range(step + 1, LAST_STEP):
        for file in (kept.root / f"{later:03}").iterdir():
            read = json.loads if file.suffix == ".json" else bytes
            assert read((again.root / file.parent.name / file.name).read_bytes()) == read(file.read_bytes()), file


def test_display_begins_at_the_resumed_step_and_no_reference_is_computed_again(
    train: Train, stage: str, whole: Result, kept: Kept, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, what = tmp_path / "kept", {"sft": "KL-SFT", "dpo": "DPO"}[stage]
    shutil.copytree(kept.root / "001", root / "001")
    assert train(tmp_path / "out", Kept(root, every=2)) == whole
    printed = capsys.readouterr()
    assert printed.out == ""
    resuming, steps = printed.err.splitlines()
    assert resuming == f"  {what}: resuming at step 1 of 6"
    assert steps.startswith(f"  {what}: 6/6 steps, ")
    assert [folder.name for folder in sorted(root.iterdir())] == ["001", "002", "004"]


def test_another_micro_batch_goes_on_with_the_same_rows(
    train: Train, whole: Result, one: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # What a training learns depends on its micro-batch by rounding alone, and bfloat16 rounds coarsely.
    _, history = train(tmp_path / "out", Kept(one.parent), micro=4)
    losses, expected = ([dict(row)["loss"] for row in rows] for rows in (history, whole[1]))
    assert losses[:4] == expected[:4]
    assert losses[4:] == pytest.approx(expected[4:], rel=5e-3)
    assert capsys.readouterr().err.count("\n") == 2


def test_planted_pickles_are_not_opened(
    train: Train, whole: Result, one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    went_off = tmp_path / "went-off"
    bomb = pickle.dumps(_Bomb(str(went_off)))
    pickle.loads(bomb)
    went_off.rmdir()
    for name in UNPICKLED:
        (one / name).write_bytes(bomb)

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("something was unpickled")

    for module, name in ((torch, "load"), (pickle, "load"), (pickle, "loads")):
        monkeypatch.setattr(module, name, refuse)
    assert train(tmp_path / "out", Kept(one.parent)) == whole
    assert not went_off.exists()


class _Bomb:
    def __init__(self, folder: str) -> None:
        self._folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self._folder,)


@pytest.fixture(scope="module")
def trainer(
    base: str, sentences: tuple[str, ...], stage: str, tmp_path_factory: pytest.TempPathFactory
) -> KLSFTTrainer:
    assert stage == "sft"
    tokenizer, model = AutoTokenizer.from_pretrained(base), AutoModelForCausalLM.from_pretrained(base)
    rows, _ = sentence_rows(tokenizer, sentences, 100)
    settings, runtime = SftSettings(**SETTINGS), RuntimeSettings(device="cpu", train_micro_batch=2)
    arguments = shared_arguments(settings, runtime, 0, str(tmp_path_factory.mktemp("scratch")))
    return KLSFTTrainer(
        model,
        args=SFTConfig(**arguments, dataset_kwargs={"skip_prepare_dataset": True}),
        train_dataset=Dataset.from_dict({"input_ids": rows, "labels": rows, "length": [len(row) for row in rows]}),
        processing_class=tokenizer,
        peft_config=lora_config(model, LORA),
        kl_weight=0.1,
    )


def _refused(trainer: KLSFTTrainer, file: Path, what: str | None = None) -> None:
    with pytest.raises(StageError, match=what) as error:
        trainer.train(file.parent)
    assert str(error.value).startswith(f"{file}: ")
    assert len(str(error.value).splitlines()) == 1
    assert trainer.state.global_step in (0, 4)


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("stage", ["sft"], indirect=True)
def test_file_that_is_missing_or_cut_is_named(trainer: KLSFTTrainer, one: Path, name: str) -> None:
    file = one / name
    entire = file.read_bytes()
    file.write_bytes(entire[: len(entire) // 2])
    _refused(trainer, file)
    file.unlink()
    _refused(trainer, file, "No such file")


@pytest.mark.parametrize("damage", ["missing", "of another length"])
@pytest.mark.parametrize("stage", ["dpo"], indirect=True)
def test_reference_that_does_not_fit_is_named(train: Train, one: Path, tmp_path: Path, damage: str) -> None:
    (one / REFERENCE).unlink()
    if damage != "missing":
        short = torch.zeros(10, dtype=torch.float64)
        save_file({"ref_chosen_logps": short, "ref_rejected_logps": short.clone()}, one / REFERENCE)
    what = r"reference\.safetensors: (No such file|ref_\w+_logps is torch.float64 \[10\], not torch.float64 \[11\])"
    with pytest.raises(StageError, match=what):
        train(tmp_path / "out", Kept(one.parent))
    assert not (tmp_path / "out").exists()


def _tensors(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Path], None]:
    def edit(file: Path) -> None:
        tensors = {name: tensor.clone() for name, tensor in load_file(file).items()}
        change(tensors)
        save_file(tensors, file)

    return edit


def _values(change: Callable[[Any], object]) -> Callable[[Path], None]:
    def edit(file: Path) -> None:
        values = json.loads(file.read_text())
        change(values)
        file.write_text(json.dumps(values))

    return edit


def _rows(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Path], None]:
    def edit(file: Path) -> None:
        rows = pq.read_table(file).to_pylist()
        change(rows)
        pq.write_table(pa.Table.from_pylist(rows), file)

    return edit


def _first(tensors: dict[str, torch.Tensor]) -> str:
    return min(name for name in tensors if tensors[name].dim() == 2)


@pytest.mark.parametrize(
    ("name", "edit", "what"),
    [
        ("adapter.safetensors", _tensors(lambda t: t.update(more=torch.zeros(1))), "it has more, unlike this training"),
        ("adapter.safetensors", _tensors(lambda t: t.pop(_first(t))), "it lacks base_model"),
        ("adapter.safetensors", _tensors(lambda t: t.update({_first(t): t[_first(t)].half()})), "is torch.float16"),
        ("adapter.safetensors", _tensors(lambda t: t.update({_first(t): torch.zeros(4, 5)})), r"float32 \[4, 5\], not"),
        ("optimizer.safetensors", _tensors(lambda t: t.update({_first(t): torch.zeros(4, 5)})), r"\[4, 5\], not"),
        ("optimizer.safetensors", _tensors(lambda t: t.clear()), "it lacks exp_avg"),
        ("optimizer.json", _values(lambda g: g.pop()), "not of this training's optimizer"),
        ("optimizer.json", _values(lambda g: g[0].update(weight_decay=0.1)), "not of this training's optimizer"),
        ("optimizer.json", _values(lambda g: g[0].update(lr=None)), "not of this training's optimizer"),
        ("optimizer.json", _values(lambda g: g[0]["params"].reverse()), "not of this training's optimizer"),
        ("optimizer.json", lambda file: file.write_text("[1]"), "0: Input should be an object"),
        ("scheduler.json", _values(lambda s: s.update(last_epoch=3)), "it is not of step 4"),
        ("scheduler.json", _values(lambda s: s.update(base_lrs=[1.0, 1.0])), "it is not of step 4"),
        ("rng.safetensors", _tensors(lambda t: t.update(torch=t["torch"][:9].clone())), r"uint8 \[9\], not"),
        ("rng.safetensors", _tensors(lambda t: t["torch"].zero_()), "nvalid"),
        ("rng.safetensors", _tensors(lambda t: t["epoch"].zero_()), "nvalid"),
        ("rng.json", _values(lambda s: s["numpy"].__setitem__(2, 625)), r"numpy\.2: "),
        ("rng.json", _values(lambda s: s["python"][1].__setitem__(624, 625)), "invalid state"),
        ("rng.json", _values(lambda s: s["python"][1].pop()), r"python\.1: "),
        ("history.parquet", _rows(lambda h: h.pop()), "it has 3 rows"),
        ("history.parquet", _rows(lambda h: h[0].update(step=2.0)), "not that of steps 1 to 4"),
        ("history.parquet", _rows(lambda h: [row.update(loss="0") for row in h]), "it holds more than figures"),
        ("history.parquet", lambda file: file.write_bytes(b"PAR1"), "not a Parquet file"),
        ("trainer_state.json", _values(lambda s: s.update(max_steps=7)), "of step 4 of 7, and this training has 6"),
        ("trainer_state.json", _values(lambda s: s.update(best_model_checkpoint="/")), "best_model_checkpoint: "),
        ("trainer_state.json", lambda file: os.truncate(file, 2**24 + 1), "it has more than 16777216 bytes"),
        ("trainer_state.json", lambda file: file.write_text("[" * 9_999), "ecursion"),
    ],
)
@pytest.mark.parametrize("stage", ["sft"], indirect=True)
def test_file_of_another_training_is_named(
    trainer: KLSFTTrainer, one: Path, name: str, edit: Callable[[Path], None], what: str
) -> None:
    edit(one / name)
    _refused(trainer, one / name, what)


def test_training_of_another_length_is_refused(train: Train, one: Path, tmp_path: Path) -> None:
    with pytest.raises(StageError, match="it is of step 4 of 6, and this training has 9"):
        train(tmp_path / "out", Kept(one.parent), epochs=3)


@pytest.mark.parametrize("stage", ["sft"], indirect=True)
def test_generators_that_training_does_not_use_go_on_too(trainer: KLSFTTrainer, one: Path) -> None:
    ours, theirs = random.Random(7), np.random.RandomState(7)
    # A normal number is drawn in pairs, and the second is kept for the next call.
    ours.gauss(), theirs.normal()
    kind, key, *rest = theirs.get_state()
    (one / "rng.json").write_text(json.dumps({"python": ours.getstate(), "numpy": [kind, key.tolist(), *rest]}))
    trainer.train(one)
    assert trainer.state.global_step == LAST_STEP
    assert [random.gauss(), random.random()] == [ours.gauss(), ours.random()]
    assert [np.random.normal(), np.random.random()] == [theirs.normal(), theirs.random()]


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(
    stage: str, base: str, sentences: tuple[str, ...], pairs: list[Pair], tmp_path: Path
) -> None:
    processes, epochs = multiprocessing.get_context("spawn"), 20
    expected = _run(stage, base, sentences, pairs, tmp_path / "whole", epochs=epochs)
    kept, result = Kept(tmp_path / "kept", every=3), tmp_path / "result"
    kept.root.mkdir()
    killed = 0
    while not result.exists():
        known = kept.newest()
        arguments = (stage, base, sentences, pairs, tmp_path / "out", kept)
        given = (arguments, {"epochs": epochs}, torch.get_num_threads(), result)
        child = processes.Process(target=_run_in_child, args=given)
        child.start()
        while killed < 3 and child.is_alive() and kept.newest() == known:
            time.sleep(0.001)
        if killed < 3:
            time.sleep(random.uniform(0, 0.4))
            child.kill()
        child.join()
        killed += child.exitcode == -9
        assert child.exitcode in (0, -9)
    assert killed
    assert result.with_suffix(".safetensors").read_bytes() == expected[0]
    assert json.loads(result.read_text()) == json.loads(json.dumps(expected[1]))
