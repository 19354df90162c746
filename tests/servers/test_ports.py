"""Reserved ports: never the same ones in two processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from servers import ports


def test_processes_that_run_at_once_get_different_ports() -> None:
    code = "import sys; from servers import ports; print(ports.reserve(43), flush=True); sys.stdin.read()"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True, env=environment)
        for _ in range(4)
    ]
    firsts = [int(process.stdout.readline()) for process in processes if process.stdout]
    for process in processes:
        process.communicate()
    own = [ports.reserve(), ports.reserve()]
    taken = [port for first in firsts for port in range(first, first + 43)] + own
    assert len(set(taken)) == 4 * 43 + 2


def test_more_than_a_block_is_refused() -> None:
    with pytest.raises(ValueError, match="100 ports"):
        ports.reserve(100)
