"""Moto's server: it forgets, and ends with whoever started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from servers import ports
from servers.moto_process import MotoServer

START = """
import os, signal, sys
from pathlib import Path
from servers.moto_process import MotoServer
MotoServer(Path(sys.argv[1]), int(sys.argv[2])).start()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_forgets_on_restart(tmp_path: Path) -> None:
    with MotoServer(tmp_path) as server:
        server.make_bucket("bucket")
        server.kill()
        server.restart()
        assert server.client().list_buckets()["Buckets"] == []


def test_it_ends_with_a_killed_starter(tmp_path: Path) -> None:
    port = ports.reserve()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", START, str(tmp_path), str(port)], env=environment)
    assert done.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 10
    while any(str(port).encode() in line.split(b"\0") for line in _command_lines()):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _command_lines() -> list[bytes]:
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                lines.append((entry / "cmdline").read_bytes())
            except OSError:
                continue
    return lines
