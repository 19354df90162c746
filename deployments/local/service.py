"""One long-running program of a server: how it is started, recognized and ended."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

from deployments.local.folder import Folder, write_secret
from deployments.local.processes import MARK, NAME, Process, end, family, identify, marked
from saga_core.errors import StageError

# Of seconds, before what doesn't end is killed. A worker tells the server what becomes of its runs.
_PATIENCE = 30.0


@dataclass(frozen=True)
class Service:
    """One program.

    Attributes:
        name: Of its record and log.
        command: Program and arguments; no secrets, everybody may read them.
        environment: Its variables beside those that every process has.
        ready: Whether it does what it is there for, asked until it does.
        seconds: How long that may take.
        stop: What asks it to end.
        stop_family: Whether the processes that it started are ended before it; else it ends them itself.
        stdin: What it reads.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ready: Callable[[], bool]
    seconds: float
    stop: signal.Signals = signal.SIGTERM
    stop_family: bool = False
    stdin: Path | None = None


@dataclass(frozen=True)
class Record:
    """What is kept of a service that was started: enough to recognize and to end it.

    Attributes:
        name: The service's.
        process: What was started.
        digest: Of its command and settings.
        stop: What asks it to end.
        stop_family: Whether the processes that it started are ended before it.
    """

    name: str
    process: Process
    digest: str
    stop: signal.Signals
    stop_family: bool

    def as_json(self) -> str:
        """Return the record's text."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, path: Path) -> Record | None:
        """Return what a file records, None when there is none."""
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return cls(**kept | {"process": Process(**kept["process"]), "stop": signal.Signals(kept["stop"])})


class Supervisor:
    """Starts and ends the services of one server folder.

    Args:
        folder: Where records and logs go.
        mark: What tells this server's processes from all others.
    """

    def __init__(self, folder: Folder, mark: str) -> None:
        self.folder, self.mark = folder, mark

    def records(self) -> list[Record]:
        """Return what was started, in that order."""
        found = [record for path in self.folder.records.glob("*.json") if (record := Record.read(path))]
        return sorted(found, key=lambda record: record.process.started)

    def alive(self, service: Service) -> Record | None:
        """Return the record of a service that runs."""
        record = Record.read(self._path(service.name))
        return record if record and record.process.alive else None

    def is_current(self, service: Service) -> bool:
        """Whether a service runs with the command and settings that it should have."""
        record = self.alive(service)
        return record is not None and record.digest == _digest(service)

    def start(self, service: Service) -> None:
        """Start a service that isn't running, in a session of its own; it outlives this process.

        Raises:
            StageError: There is no such program, or it ended at once.
        """
        stdin = os.open(service.stdin, os.O_RDWR) if service.stdin else os.open(os.devnull, os.O_RDONLY)
        log = os.open(self.log(service.name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            with _undisturbed():
                started = subprocess.Popen(
                    service.command,
                    stdin=stdin,
                    stdout=log,
                    stderr=log,
                    env={**service.environment, MARK: self.mark, NAME: service.name},
                    cwd=self.folder.path,
                    start_new_session=True,
                )
                process = identify(started.pid)
                if process is None:
                    raise self._ended(service)
                record = Record(service.name, process, _digest(service), service.stop, service.stop_family)
                write_secret(self._path(service.name), record.as_json())
        except OSError as error:
            raise StageError(f"cannot start {service.name}: {error.strerror}", service.command[0]) from error
        finally:
            os.close(stdin)
            os.close(log)

    def clear(self, service: Service) -> None:
        """End what is left of a service that has ended."""
        end(marked(self.mark, service.name), 0)
        record = Record.read(self._path(service.name))
        deadline = time.monotonic() + _PATIENCE
        # PostgreSQL takes the number of one that has ended for another server while anything answers to it.
        while record is not None and not record.process.gone and time.monotonic() < deadline:
            time.sleep(0.05)

    def wait(self, service: Service) -> None:
        """Wait until a service is ready.

        Raises:
            StageError: It ended, or took too long; names its log.
        """
        deadline = time.monotonic() + service.seconds
        while not service.ready():
            if self.alive(service) is None:
                raise self._ended(service)
            if time.monotonic() > deadline:
                late = f"{service.name} isn't ready after {service.seconds:.0f} s"
                raise StageError(late, str(self.log(service.name)), "the log may say why")
            time.sleep(0.1)

    def end(self, records: Iterable[Record]) -> None:
        """End services, all at once, and forget them; what doesn't end when it is asked to is killed."""
        records = list(records)
        members = {process for record in records for process in family(record.process)}
        self._end_children([record.process for record in records if record.stop_family])
        for record in records:
            record.process.send(record.stop)
        end(members, _PATIENCE)
        for record in records:
            self._path(record.name).unlink(missing_ok=True)

    def _end_children(self, leaders: list[Process]) -> None:
        """Let runs tell the server that they were ended, while their workers hold still and take no others."""
        children: set[Process] = set()
        for leader in leaders:
            leader.send(signal.SIGSTOP)
            children |= family(leader) - {leader}
        for child in children:
            child.send(signal.SIGTERM)
        end(children, _PATIENCE)
        for leader in leaders:
            leader.send(signal.SIGCONT)

    def log(self, name: str) -> Path:
        """Return a service's log."""
        return self.folder.logs / f"{name}.log"

    def _path(self, name: str) -> Path:
        return self.folder.records / f"{name}.json"

    def _ended(self, service: Service) -> StageError:
        log = self.log(service.name)
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        return StageError(f"{service.name} ended: {last[:200]}", str(log), "see there")


def _digest(service: Service) -> str:
    # What the shell happens to have set is no reason to start a program anew.
    ours = {key: value for key, value in service.environment.items() if key.startswith(("SAGA_", "PREFECT_", "AWS_"))}
    return hashlib.sha256(json.dumps([service.command, sorted(ours.items())]).encode()).hexdigest()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Put off Ctrl-C, which between a start and its record would leave a process that nobody knows."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])
