"""``make server`` and ``make server-stop``: started once, mended, ended, and nothing else with it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest
import s3fs

from deployments.local.processes import identify, marked
from deployments.local.settings import BUCKET
from tests.deployments.server import ROOT, SERVICES, Server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bystanders() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Programs that look like the server's and are none of it."""
    sleep = "import time; time.sleep(3600)"
    names = ("postgres -D data", "deployments.worker --pool saga-cpu --name saga-cpu-1")
    started = [subprocess.Popen([sys.executable, "-c", sleep, *name.split()]) for name in names]
    yield started
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def running(stopped_server: Server, bystanders: list[subprocess.Popen[bytes]]) -> Server:
    done = stopped_server.command("start")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SAGA_ALLOW_CPU=1 make server runs them on the CPU" in done.stdout
    return stopped_server


def test_all_of_it_runs(running: Server) -> None:
    assert set(running.pids()) == SERVICES
    status = running.command("status")
    assert status.returncode == 0
    assert all(f"{name} " in status.stdout for name in SERVICES)


def test_a_second_start_starts_nothing_and_is_quick(running: Server) -> None:
    before, begun = running.pids(), time.monotonic()
    done = running.command("start")
    # 5 s where nothing else goes on, which other tests may prevent.
    assert time.monotonic() - begun < 30
    assert "everything ran already" in done.stdout
    assert "deployed; nothing had changed" in done.stdout
    assert running.pids() == before


@pytest.mark.parametrize("name", ["saga-cpu-1", "api", "postgres"])
def test_what_died_alone_is_started(running: Server, name: str) -> None:
    before = running.pids()
    os.kill(before[name], signal.SIGKILL)
    done = running.command("start")
    assert done.returncode == 0, done.stdout + done.stderr
    after = running.pids()
    assert {each for each in SERVICES if after[each] != before[each]} == {name}
    assert f"{name}: starting\n" in done.stdout


def test_a_part_of_the_store_that_died_is_started(running: Server) -> None:
    before = running.pids()
    osd = int((running.folder.path / "s3" / "osd.pid").read_text())
    os.kill(osd, signal.SIGKILL)
    while marked(running.settings.mark, "s3") & {identify(osd)}:
        time.sleep(0.05)
    done = running.command("start")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "s3: starting what has ended of it" in done.stdout
    assert running.pids() == before
    store(running).pipe_file(f"{BUCKET}/kept", b"over a restart")


def store(server: Server) -> s3fs.S3FileSystem:
    environment = server.environment_of_client()
    return s3fs.S3FileSystem(
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        key=environment["AWS_ACCESS_KEY_ID"],
        secret=environment["AWS_SECRET_ACCESS_KEY"],
        skip_instance_cache=True,
    )


def test_two_starts_at_once_are_one_after_the_other(running: Server) -> None:
    before = running.pids()
    os.kill(before["saga-gpu-1"], signal.SIGKILL)
    program = "import sys; from tests.deployments.server import *; from pathlib import Path; "
    program += "print(Server(Folder(Path(sys.argv[1])), int(sys.argv[2])).command('start'))"
    command = [sys.executable, "-c", program, str(running.folder.path), str(running.port)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert all("returncode=0" in each for each in said)
    assert sorted("saga-gpu-1: starting" in each for each in said) == [False, True]
    assert len(marked(running.settings.mark, "saga-gpu-1")) == 1


def test_a_taken_port_is_one_line_and_starts_nothing(running: Server) -> None:
    before = running.pids()
    taken = str(running.settings.postgres_port)
    done = running.command("stop")
    assert done.returncode == 0
    with subprocess.Popen([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", taken], cwd="/tmp") as other:
        try:
            wait_for(int(taken))
            done = running.command("start")
        finally:
            other.kill()
    assert done.returncode == 2
    assert done.stderr == (
        f"server: SAGA_POSTGRES_PORT: port {taken} is taken by another program; SAGA_POSTGRES_PORT=PORT names another\n"
    )
    assert not running.pids()
    assert before


def wait_for(port: int) -> None:
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}")
            return
        except httpx.TransportError:
            time.sleep(0.05)


def test_an_interrupted_start_is_finished_by_the_next(running: Server) -> None:
    program = "import sys; from deployments.local.__main__ import main; sys.exit(main(['start']))"
    environment = os.environ | {"SAGA_SERVER_DIR": str(running.folder.path), "PYTHONPATH": os.pathsep.join(sys.path)}
    interrupted = subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert interrupted.stdout
    while "api: starting" not in interrupted.stdout.readline():
        pass
    interrupted.send_signal(signal.SIGINT)
    _, said = interrupted.communicate()
    assert interrupted.returncode == 1
    assert said.startswith("server: interrupted; make server goes on from here")
    done = running.command("start")
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(running.pids()) == SERVICES


def test_other_ports_are_moved_to_and_what_was_stored_is_there(running: Server) -> None:
    assert running.command("stop").returncode == 0
    moved = running.command("start", SAGA_S3_PORT=str(running.settings.s3_port + 100))
    assert moved.returncode == 0, moved.stdout + moved.stderr
    assert store(running).cat_file(f"{BUCKET}/kept") == b"over a restart"


def test_stopping_ends_all_of_it_and_nothing_else(running: Server, bystanders: list[subprocess.Popen[bytes]]) -> None:
    before = running.processes()
    assert len(before) > 2 * len(SERVICES)
    done = running.command("stop")
    assert done.returncode == 0
    assert all(name in done.stdout for name in SERVICES)
    assert not {process for process in before if process.alive}
    assert not running.processes()
    assert all(process.poll() is None for process in bystanders)
    assert running.command("stop").stdout == "nothing ran\n"
    assert running.command("status").returncode == 1
