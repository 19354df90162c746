"""A real server for the tests: everything that ``make server`` starts, in a folder and on ports of its own."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers.ports import reserve

from deployments.local.folder import Folder
from deployments.local.processes import Process, family, marked
from deployments.local.service import Record, Supervisor
from deployments.local.settings import Settings, read_settings

ROOT = Path(__file__).resolve().parents[2]
SERVICES = {"postgres", "s3", "api", "saga-cpu-1", "saga-gpu-1"}


@dataclass
class Server:
    """What a test does to a server.

    Attributes:
        folder: Where it keeps what it has.
        port: Of its API.
    """

    folder: Folder
    port: int

    def command(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the command as make does; more variables may be given."""
        server = {"SAGA_SERVER_DIR": str(self.folder.path), "SAGA_API_PORT": str(self.port)}
        return self._run("deployments.local", *arguments, **server, **more)

    def deploy(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the command that deploys."""
        return self._run("deployments.deploy", *arguments, **variables)

    def _run(self, module: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "SAGA_", "AWS_"))}
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            env=kept | {"PYTHONPATH": str(ROOT), "PREFECT_HOME": str(self.folder.path / "client")} | variables,
        )

    @property
    def settings(self) -> Settings:
        """Ports and secrets."""
        settings = read_settings(self.folder)
        assert settings
        return settings

    def records(self) -> dict[str, Record]:
        """Return what was started, by name."""
        return {record.name: record for record in Supervisor(self.folder, self.settings.mark).records()}

    def pids(self) -> dict[str, int]:
        """Return the numbers of what runs."""
        return {name: record.process.pid for name, record in self.records().items() if record.process.alive}

    def processes(self) -> set[Process]:
        """Return all that came of the server and still runs."""
        families = (family(record.process) for record in self.records().values())
        return marked(self.settings.mark).union(*families)

    def runs_of(self, worker: str) -> set[Process]:
        """Return the processes of the runs that a worker has now."""
        process = self.records()[worker].process
        return family(process) - {process}

    def environment_of_client(self) -> dict[str, str]:
        """Return what its ``env`` file exports, read as a shell does."""
        script = 'set -a; . "$1"; exec env -0'
        done = subprocess.run(["sh", "-c", script, "sh", self.folder.env], capture_output=True, check=True, env={})
        return dict(line.split("=", 1) for line in done.stdout.decode().split("\0") if line)


def wait(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until something is so, and fail where it takes longer."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.2)


@contextmanager
def temporary_server() -> Iterator[Server]:
    """A server that was never started; whatever is started of it ends with the context, and its folder is removed."""
    # Not in pytest's own folder, which the database's user can't come through.
    path = Path(tempfile.mkdtemp(prefix="saga-server-"))
    path.chmod(0o711)
    server = Server(Folder(path / "server"), reserve())
    try:
        yield server
    finally:
        done = server.command("stop")
        shutil.rmtree(path)
        assert done.returncode == 0, done.stderr
