"""Who works on an artifact: a process, told apart from every other one on every machine."""

from __future__ import annotations

import os
import platform
import secrets
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from saga_core.artifacts.fingerprint import digest
from saga_core.artifacts.storage import Storage
from saga_core.errors import DamagedArtifactError


class Holder(BaseModel):
    """Who holds a lease, and what for.

    Attributes:
        host: Name of the machine, for people.
        machine: Digest that tells machines, and containers on one machine, apart.
        pid: Process, as numbered there.
        started: When that process was started, by its own machine's count, so that a reused number is another.
        nonce: Tells two that are alike apart, such as copies of a virtual machine.
        recipe: What the run makes.
        run: Name of the run, or nothing.
        inputs: Stage and key of every artifact that the work reads: they must not be removed meanwhile.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    machine: str
    pid: int = Field(ge=1, lt=2**31)
    started: str
    nonce: str
    recipe: str
    run: str
    inputs: tuple[tuple[str, str], ...]

    @classmethod
    def this(cls, recipe: str, inputs: tuple[tuple[str, str], ...] = (), run: str = "") -> Holder:
        """Return this process as a holder."""
        return cls(
            host=platform.node(),
            machine=_machine(),
            pid=os.getpid(),
            started=_process_start(os.getpid()) or "",
            nonce=secrets.token_hex(8),
            recipe=recipe,
            run=run,
            inputs=inputs,
        )

    def is_gone(self) -> bool:
        """Say whether the holder was a process of this machine that has ended."""
        if not self.started or self.machine != _machine():
            return False
        started = _process_start(self.pid)
        return started is None or started not in ("", self.started)

    def __str__(self) -> str:
        """Return who it is, for people."""
        return f"process {self.pid} on {self.host}"


def read_holder(storage: Storage, path: str) -> Holder | None:
    """Return the holder that a lease's file names, or None where it names none."""
    try:
        return Holder.model_validate_json(storage.read(path) or b"")
    except (ValidationError, DamagedArtifactError):
        return None


def _machine() -> str:
    """Tell machines apart by their boot, and containers, whose processes are numbered anew, by their namespace."""
    marks = [platform.node()]
    with suppress(OSError):
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        marks.append(os.readlink("/proc/self/ns/pid"))
    return digest(marks)[:32]


def _process_start(pid: int) -> str | None:
    """Return when a process of this machine was started, in clock ticks since boot, or None where it has ended."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None if _has_ended(pid) else ""
    except OSError:
        return ""
    fields = status.rpartition(")")[2].split()
    # A zombie writes nothing any more.
    return None if fields[0] == "Z" else fields[19]


def _has_ended(pid: int) -> bool:
    """Say whether there is no such process; /proc may hide those of other users."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
