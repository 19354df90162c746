"""Processes: recognized by more than their number, found with what they started, ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from deployments.local.processes import MARK, NAME, Process, end, family, identify, marked

# A parent with a child in its session and one in a session of its own.
TREE = """
import subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
subprocess.Popen(sleep)
subprocess.Popen(sleep, start_new_session=True)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def tree() -> Iterator[Process]:
    environment = os.environ | {MARK: "a-mark", NAME: "a-name"}
    parent = subprocess.Popen(
        [sys.executable, "-c", TREE], stdout=subprocess.PIPE, env=environment, start_new_session=True
    )
    assert parent.stdout
    assert parent.stdout.readline()
    process = identify(parent.pid)
    assert process
    yield process
    end(marked("a-mark"), 0)
    parent.wait()


def test_a_number_given_to_another_is_another_process() -> None:
    me = identify(os.getpid())
    assert me
    assert me.alive
    assert not replace(me, started=me.started - 1).alive
    assert not replace(me, boot="another").alive


def test_no_signal_reaches_another_that_got_the_number(tree: Process) -> None:
    replace(tree, started=tree.started - 1).send(signal.SIGKILL)
    time.sleep(0.1)
    assert tree.alive


def test_a_family_is_all_that_came_of_a_process(tree: Process) -> None:
    assert len(family(tree)) == 3
    assert family(tree) == marked("a-mark") == marked("a-mark", "a-name")
    assert not marked("a-mark", "another")
    assert not family(replace(tree, started=tree.started - 1))


def test_the_mark_finds_those_whose_parent_has_ended(tree: Process) -> None:
    tree.send(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while tree.alive and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not family(tree)
    assert len(marked("a-mark")) == 2


def test_what_does_not_end_is_killed() -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    )
    started = subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE)
    assert started.stdout
    assert started.stdout.readline()
    process = identify(started.pid)
    assert process
    process.send(signal.SIGTERM)
    assert end([process], 0.2) == {process}
    assert started.wait() == -signal.SIGKILL
    # Ended, and ended again.
    assert end([process], 0) == set()
