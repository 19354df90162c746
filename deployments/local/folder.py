"""The folder in which a server keeps what it has: secrets, data, records of its processes, logs."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saga_core.errors import UserError
from saga_core.telling import tell

VARIABLE = "SAGA_SERVER_DIR"
_CHECKOUT = Path(__file__).resolve().parents[2]


class Folder:
    """A server's folder; made, for nobody but its user, when it is first asked for.

    Attributes:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def find(cls) -> Folder:
        """Return the folder of ``SAGA_SERVER_DIR``, or that of the checkout."""
        return cls(Path(os.environ.get(VARIABLE) or _CHECKOUT / ".server").absolute())

    def make(self) -> None:
        """Make the folder and its parts, and take from others what a looser umask gave.

        Raises:
            UserError: It cannot be made here.
        """
        try:
            for part in (self.path, self.logs, self.records):
                part.mkdir(parents=True, exist_ok=True)
                part.chmod(0o700)
            # PostgreSQL refuses to run as root; its user has to come through to a folder of its own, and sees nothing.
            self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
        except OSError as error:
            raise UserError(f"cannot make the server's folder: {error.strerror}", str(self.path), VARIABLE) from error

    @property
    def logs(self) -> Path:
        """One file a process."""
        return self.path / "logs"

    @property
    def records(self) -> Path:
        """One file a process that was started."""
        return self.path / "run"

    @property
    def settings(self) -> Path:
        """Ports and secrets."""
        return self.path / "settings.json"

    @property
    def env(self) -> Path:
        """What a shell reads to talk to the server."""
        return self.path / "env"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other start and stop of this server out, waiting for one that is at work."""
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                tell("another start or stop of this server is at work; waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its user may read, whole or not at all."""
    new = path.with_name(f"{path.name}.new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
