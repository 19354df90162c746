"""Real signals to real processes in mid-DPO: nothing stored is lost, and the same command resumes."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from e2e_command import ROOT, Saga, command, environment

pytestmark = pytest.mark.slow


def start_and_signal(arguments: list[str], home: Path, log: Path, which: signal.Signals) -> tuple[int, str, int]:
    """Start a run in a process group of its own and signal the group, as a terminal does, in the midst of DPO."""
    with log.open("w") as file:
        process = subprocess.Popen(
            command(*arguments), stdout=file, stderr=file, cwd=ROOT, env=environment(home), start_new_session=True
        )
    deadline = time.monotonic() + 400
    while "DPO: " not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
    os.killpg(process.pid, which)
    code = process.wait(timeout=60)
    time.sleep(1)
    alive = subprocess.run(["pgrep", "-g", str(process.pid)], capture_output=True, text=True).stdout.split()
    return code, log.read_text(), len(alive)


def test_ctrl_c_in_dpo_is_one_line_and_the_same_command_resumes(
    saga: Saga, small: list[str], prefect_home: Path, tmp_path: Path
) -> None:
    # Many short steps, so that the first progress line comes long before the end.
    run = ["run", "demo", *small, "--set", "dpo.epochs=200", "--until", "dpo", "--store", str(tmp_path / "store")]
    code, log, alive = start_and_signal(run, prefect_home, tmp_path / "log", signal.SIGINT)
    assert code == 1
    assert alive == 0
    last = log.splitlines()[-1]
    assert last.startswith("saga: dpo: interrupted; what was finished is kept in")
    assert "Traceback" not in log
    resumed = saga(*run[:2], *small, "--set", "dpo.epochs=1", "--until", "dpo", *run[-2:], "--json")
    assert resumed.code == 0, resumed.err
    assert [stage for stage, state in resumed.states.items() if state == "computed"] == ["dpo"]


def test_a_killed_run_resumes_where_it_was(saga: Saga, small: list[str], prefect_home: Path, tmp_path: Path) -> None:
    run = ["run", "demo", *small, "--set", "dpo.epochs=200", "--until", "dpo", "--store", str(tmp_path / "store")]
    code, _, _ = start_and_signal(run, prefect_home, tmp_path / "log", signal.SIGKILL)
    assert code == -signal.SIGKILL
    shown = saga("show", "--store", run[-1], "--json")
    assert "dpo" not in shown.states
    assert set(shown.states.values()) == {"computed"}
    resumed = saga(*run[:2], *small, "--until", "dpo", *run[-2:], "--json")
    assert resumed.code == 0, resumed.err
    assert [stage for stage, state in resumed.states.items() if state == "computed"] == ["dpo"]
