"""A machine that runs the command until it is killed: processes and folders of its own, nothing of another's."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_BEGAN = re.compile(r"(\w+) …")
_ENDED = re.compile(r"(\w+): (cached|computed|skipped) in")
_STEPS = re.compile(r"  (KL-SFT|DPO): (\d+)/\d+ steps")
_RESUMED = re.compile(r"  (KL-SFT|DPO): resuming at step (\d+)")
_ROWS = re.compile(r"  (\w+): (\d+)/(\d+) (rows|texts|draws and verdicts|sentences|documents)")
_KEPT = re.compile(r"  (\w+): (\d+) of \d+ were kept")

# Some rows are counted twice: drawn, then judged; or once for each sentence of a pair.
_TICKS_BY_UNIT = {"draws and verdicts": 2}
_TICKS_BY_WORK = {"scala": 2}


@dataclass
class Seen:
    """What a machine said of one kind of work.

    Attributes:
        resumed: Where it went on from; steps or rows.
        reached: How far it came.
    """

    resumed: int = 0
    reached: int = 0


@dataclass
class Life:
    """What a machine said before it ended.

    Attributes:
        began: The stages that it began, in order.
        ended: State of those it ended.
        work: By name of the work (a training, or a set of rows).
    """

    began: list[str] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    work: dict[tuple[str, str], Seen] = field(default_factory=dict)

    def hear(self, line: str) -> None:
        """Take in a line of standard error."""
        if match := _BEGAN.fullmatch(line.rstrip()):
            self.began.append(match[1])
        elif match := _ENDED.match(line):
            self.ended[match[1]] = match[2]
        elif (match := _RESUMED.match(line)) or (match := _KEPT.match(line)):
            self._of(match[1]).resumed = self._of(match[1]).reached = int(match[2])
        elif match := _STEPS.match(line):
            self._of(match[1]).reached = int(match[2])
        elif match := _ROWS.match(line):
            seen = self._of(match[1])
            ticks = _TICKS_BY_WORK.get(match[1]) or _TICKS_BY_UNIT.get(match[4], 1)
            seen.reached = max(seen.reached, int(match[2]) // ticks)

    @property
    def stage(self) -> str | None:
        """The stage that was under way."""
        return self.began[-1] if self.began and self.began[-1] not in self.ended else None

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how far each kind of work came, in steps or rows, by stage and name."""
        counts: dict[str, dict[str, int]] = {}
        # Another thread listens.
        for (stage, name), seen in list(self.work.items()):
            counts.setdefault(stage, {})[name] = seen.reached
        return counts

    def _of(self, name: str) -> Seen:
        return self.work.setdefault((self.began[-1] if self.began else "", name), Seen())


class Machine:
    """Runs a command with an empty disk of its own.

    Args:
        folder: Empty; becomes its disk.
        command: Arguments of ``saga``.
        environment: What leads it to the shared services.
    """

    def __init__(self, folder: Path, command: list[str], environment: dict[str, str]) -> None:
        self.life = Life()
        self.log = folder / "log"
        disk = {"HOME": "home", "XDG_CACHE_HOME": "cache", "TMPDIR": "tmp", "PREFECT_HOME": "prefect"}
        for name in disk.values():
            (folder / name).mkdir(parents=True)
        self._process = subprocess.Popen(
            [*_namespace(), sys.executable, "-m", "flows.command", *command],
            cwd=ROOT,
            env={**os.environ, **{name: str(folder / place) for name, place in disk.items()}, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._began = threading.Condition()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def wait_for(self, stage: str, timeout: float) -> bool:
        """Wait until a stage has begun, and say whether it did before the end."""
        with self._began:
            return self._began.wait_for(lambda: stage in self.life.began or not self.running, timeout) and self.running

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End it as a power cut does: everything on it at once."""
        if self.running:
            os.killpg(self._process.pid, signal.SIGKILL)

    def cut(self, upload: object) -> bool:
        """End it, and its connections with it; what the kernel still held is not sent."""
        self.kill()
        return True

    def join(self, timeout: float) -> int:
        """Wait for its end, and return the exit code."""
        code = self._process.wait(timeout)
        self._listener.join(timeout=10)
        return code

    def _listen(self) -> None:
        assert self._process.stderr
        with self.log.open("w") as log:
            for line in self._process.stderr:
                log.write(f"{time.monotonic():.2f} {line}")
                log.flush()
                with self._began:
                    self.life.hear(line)
                    self._began.notify_all()
        with self._began:
            self._began.notify_all()


@cache
def _namespace() -> tuple[str, ...]:
    """Return the command that gives a process a namespace of its own, where this machine allows it.

    There its number means nothing to others, so that its lease expires by its silence alone, as another machine's does.
    """
    unshare = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL")
    try:
        allowed = subprocess.run([*unshare, "true"], capture_output=True, timeout=20).returncode == 0
    except OSError:
        allowed = False
    return unshare if allowed else ()


def is_apart() -> bool:
    """Say whether machines have process namespaces of their own here."""
    return bool(_namespace())
