"""Processes as Linux knows them: never taken for another that got the number later, and ended with all they started."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MARK = "SAGA_SERVER_MARK"
NAME = "SAGA_SERVER_NAME"


@dataclass(frozen=True)
class Process:
    """One process.

    Attributes:
        pid: Its number, which another may get after its end.
        started: Clock ticks from the machine's start to its own.
        boot: Which start of the machine.
    """

    pid: int
    started: int
    boot: str

    @property
    def alive(self) -> bool:
        """Whether it still runs; one that ended and waits for its parent does not."""
        return _look(self.pid) == self

    @property
    def gone(self) -> bool:
        """Whether not even its number is left: what has ended keeps it until its parent took notice."""
        try:
            text = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return True
        return int(text.rpartition(")")[2].split()[19]) != self.started

    def send(self, number: signal.Signals) -> None:
        """Send a signal, to this process or, when it has ended, to none."""
        try:
            # Once open, the descriptor stands for the process even if its number is given away.
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if self.alive:
                signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return
        finally:
            os.close(descriptor)


@dataclass(frozen=True)
class _Seen:
    process: Process
    parent: int
    session: int


def identify(pid: int) -> Process | None:
    """Return the running process of a number."""
    return _look(pid)


def family(leader: Process) -> set[Process]:
    """Return a running process and all that came of it; nothing once it has ended."""
    seen = _all()
    if leader not in {each.process for each in seen.values()}:
        return set()
    found = {leader.pid} | {pid for pid, each in seen.items() if each.session == leader.pid}
    while more := {pid for pid, each in seen.items() if each.parent in found} - found:
        found |= more
    return {seen[pid].process for pid in found}


def marked(mark: str, name: str | None = None) -> set[Process]:
    """Return the processes that have the mark in their environment, whoever is their parent by now.

    Args:
        mark: What each process of a server has.
        name: Only what came of the service of this name.
    """
    wanted = {f"{MARK}={mark}".encode()} | ({f"{NAME}={name}".encode()} if name else set())
    return {each.process for pid, each in _all().items() if wanted <= _environment(pid)}


def end(processes: Iterable[Process], patience: float) -> set[Process]:
    """Wait for processes to end, as long as ``patience`` seconds; kill those that don't.

    Returns:
        Those that had to be killed.
    """
    deadline = time.monotonic() + patience
    left = {process for process in processes if process.alive}
    while left and time.monotonic() < deadline:
        time.sleep(0.05)
        left = {process for process in left if process.alive}
    killed = left
    while left:
        for process in left:
            process.send(signal.SIGKILL)
        time.sleep(0.02)
        left = {process for process in left if process.alive}
    return killed


def _look(pid: int) -> Process | None:
    seen = _see(pid)
    return seen.process if seen else None


def _see(pid: int) -> _Seen | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in brackets, may hold brackets and blanks.
    fields = text.rpartition(")")[2].split()
    if fields[0] in "ZX":
        return None
    return _Seen(Process(pid, int(fields[19]), _boot()), int(fields[1]), int(fields[3]))


def _all() -> dict[int, _Seen]:
    pids = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())
    return {pid: seen for pid in pids if (seen := _see(pid))}


def _environment(pid: int) -> set[bytes]:
    try:
        return set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        # Another user's, or ended since: not one of ours.
        return set()


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
