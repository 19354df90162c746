"""Real signals to real processes in mid-DPO: nothing stored is lost, and the same command resumes."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path

import pytest
from e2e_command import ROOT, Saga, command, environment

pytestmark = pytest.mark.slow


def start_and_signal(
    arguments: list[str], home: Path, log: Path, which: signal.Signals, group: bool
) -> tuple[int, str]:
    """Start a run in a process group of its own, and signal it in the midst of DPO.

    Args:
        arguments: Of the command.
        home: Prefect's home, by which every process of the run is known.
        log: File for everything that is printed.
        which: The signal.
        group: Signal the whole group, as a terminal does, or the command alone, as the memory killer does.

    Returns:
        Exit code and what was printed.
    """
    with log.open("w") as file:
        process = subprocess.Popen(
            command(*arguments),
            stdout=file,
            stderr=file,
            cwd=ROOT,
            env=environment(home),
            start_new_session=True,
            # A test run in the background inherits that SIGINT is ignored; a terminal's command does not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    deadline = time.monotonic() + 400
    while "DPO: " not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
    (os.killpg if group else os.kill)(process.pid, which)
    code = process.wait(timeout=60)
    return code, log.read_text()


def processes_of(home: Path) -> list[str]:
    """Return the processes whose environment names a Prefect home, a zombie's being empty."""
    found = []
    for entry in Path("/proc").iterdir():
        # A process may end while it is looked at.
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and f"PREFECT_HOME={home}\0".encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@pytest.mark.parametrize(
    ("which", "group"),
    [(signal.SIGINT, True), (signal.SIGTERM, True), (signal.SIGTERM, False), (signal.SIGKILL, False)],
)
def test_whatever_ends_a_run_the_same_command_resumes(
    saga: Saga, small: list[str], tmp_path: Path, which: signal.Signals, group: bool
) -> None:
    # Many short steps, so that the first progress line comes long before the end.
    run = [
        "run",
        "demo",
        *small,
        "--set",
        "dpo.epochs=20",
        "--set",
        "runtime.checkpoint_steps=2",
        "--until",
        "dpo",
        "--store",
        str(tmp_path / "store"),
    ]
    home = tmp_path / "home"
    code, log = start_and_signal([*run, "--json"], home, tmp_path / "log", which, group)
    time.sleep(2)
    assert processes_of(home) == []
    assert "Traceback" not in log
    if which == signal.SIGKILL:
        assert code == -signal.SIGKILL
    else:
        assert code == 1
        told = log.splitlines()[-3:]
        assert told[0] == "saga: dpo: interrupted"
        assert re.match(rf"  kept: 9 finished stages in {run[-1]}; of dpo .*checkpoint-cpu-\d+, in {run[-1]}", told[1])
        assert told[2] == f"  resume: saga {shlex.join(run)}"
    shown = saga("show", "--store", run[-1], "--json")
    assert {state for stage, state in shown.states.items() if stage != "dpo"} == {"computed"}
    resumed = saga(*run, "--json")
    assert re.search(r"DPO: resuming at step \d+ of", resumed.err)
    assert resumed.code == 0, resumed.err
    assert [stage for stage, state in resumed.states.items() if state == "computed"] == ["dpo"]


def test_a_run_that_was_paused_uses_what_another_made_meanwhile(saga: Saga, small: list[str], tmp_path: Path) -> None:
    # Drawn in many small batches, so that it is in the middle of them when it is stopped.
    run = ["run", "demo", *small, "--set", "runtime.generation_batch=2", "--set", "sft.mode=skip"]
    run += ["--until", "candidates", "--store", str(tmp_path / "store"), "--json"]
    lease = {"SAGA_LEASE_SECONDS": "2", "SAGA_PROGRESS_SECONDS": "0"}
    log = tmp_path / "log"
    with log.open("w") as file:
        paused = subprocess.Popen(
            command(*run),
            stdout=file,
            stderr=file,
            cwd=ROOT,
            env=environment(tmp_path / "home") | lease,
            start_new_session=True,
        )
    while "  candidates: " not in log.read_text():
        assert paused.poll() is None, log.read_text()
        time.sleep(0.01)
    os.kill(paused.pid, signal.SIGSTOP)
    other = saga(*run, **lease)
    assert other.code == 0, other.err
    assert other.states["candidates"] == "computed"
    os.kill(paused.pid, signal.SIGCONT)
    assert paused.wait(timeout=300) == 0, log.read_text()
    assert "another process took over meanwhile" in log.read_text()
    assert "candidates: cached" in log.read_text()
