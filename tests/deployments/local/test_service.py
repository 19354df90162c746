"""Services: started once, recognized, ended, with nothing secret where everybody can read."""

import json
import signal
import stat
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.local.folder import Folder
from deployments.local.processes import end, marked
from deployments.local.service import Service, Supervisor
from saga_core.errors import StageError

SLEEP = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)")


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    folder = Folder(tmp_path / "server")
    folder.make()
    supervisor = Supervisor(folder, "mark-of-this-test")
    yield supervisor
    supervisor.end(supervisor.records())
    assert not marked("mark-of-this-test")


def service(supervisor: Supervisor, *command: str) -> Service:
    log = supervisor.log("sleeper")
    return Service(
        name="sleeper",
        command=command or SLEEP,
        environment={"SAGA_SECRET": "very-secret"},
        ready=lambda: "up" in log.read_text(encoding="utf-8"),
        seconds=20,
    )


def test_a_service_runs_until_it_is_ended(supervisor: Supervisor) -> None:
    wanted = service(supervisor)
    assert not supervisor.alive(wanted)
    supervisor.start(wanted)
    supervisor.wait(wanted)
    (record,) = supervisor.records()
    assert supervisor.is_current(wanted)
    # In a session of its own: the terminal's end is not its end.
    assert Path(f"/proc/{record.process.pid}/stat").read_text().rpartition(")")[2].split()[3] == str(record.process.pid)
    supervisor.end([record])
    assert not record.process.alive
    assert not supervisor.records()


def test_other_settings_are_seen(supervisor: Supervisor) -> None:
    wanted = service(supervisor)
    supervisor.start(wanted)
    assert not supervisor.is_current(replace(wanted, environment={"SAGA_SECRET": "another"}))
    assert supervisor.is_current(replace(wanted, environment={"SAGA_SECRET": "very-secret", "SHLVL": "2"}))


def test_nothing_secret_is_left_to_read(supervisor: Supervisor) -> None:
    supervisor.start(service(supervisor))
    for path in supervisor.folder.path.rglob("*"):
        if path.is_file():
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
            assert "very-secret" not in path.read_text(encoding="utf-8")
    (record,) = supervisor.records()
    assert "very-secret" not in Path(f"/proc/{record.process.pid}/cmdline").read_text()


def test_a_recycled_number_is_neither_alive_nor_ended(supervisor: Supervisor) -> None:
    wanted = service(supervisor)
    supervisor.start(wanted)
    (record,) = supervisor.records()
    path = supervisor.folder.records / "sleeper.json"
    kept = json.loads(path.read_text())
    kept["process"]["started"] -= 1
    path.write_text(json.dumps(kept))
    assert not supervisor.alive(wanted)
    supervisor.end(supervisor.records())
    assert record.process.alive
    end([record.process], 0)


def test_one_that_ends_says_why_and_where(supervisor: Supervisor) -> None:
    wanted = service(supervisor, sys.executable, "-c", "import time; time.sleep(0.3); raise SystemExit('no disk left')")
    supervisor.start(wanted)
    with pytest.raises(StageError, match=r"sleeper\.log: sleeper ended: no disk left; see there"):
        supervisor.wait(wanted)


def test_one_that_is_never_ready(supervisor: Supervisor) -> None:
    wanted = replace(service(supervisor), ready=lambda: False, seconds=0.2)
    supervisor.start(wanted)
    with pytest.raises(StageError, match="isn't ready after"):
        supervisor.wait(wanted)


def test_no_such_program(supervisor: Supervisor) -> None:
    with pytest.raises(StageError, match="/nowhere/prog: cannot start sleeper: No such file"):
        supervisor.start(service(supervisor, "/nowhere/prog"))


def test_children_end_before_their_parent(supervisor: Supervisor, tmp_path: Path) -> None:
    order = tmp_path / "order"
    child = (
        "import signal, sys, time\n"
        "def gone(*_): open(sys.argv[1], 'a').write(sys.argv[2]); sys.exit()\n"
        "signal.signal(signal.SIGTERM, gone); print('up', flush=True)\n"
    )
    parent = child + (
        "import subprocess\n"
        f"subprocess.Popen([sys.executable, '-c', {child!r} + 'time.sleep(60)', sys.argv[1], 'child '])\n"
        "time.sleep(60)\n"
    )
    wanted = replace(
        service(supervisor, sys.executable, "-c", parent, str(order), "parent"),
        ready=lambda: supervisor.log("sleeper").read_text(encoding="utf-8").count("up") == 2,
        stop=signal.SIGTERM,
        stop_family=True,
    )
    supervisor.start(wanted)
    supervisor.wait(wanted)
    before = time.monotonic()
    supervisor.end(supervisor.records())
    assert order.read_text() == "child parent"
    assert time.monotonic() - before < 10
