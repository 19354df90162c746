"""A real S3 server for the tests: Ceph's gateway on a cluster of one node, by the script that `make server` uses."""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Literal

from servers import ports
from servers.s3_endpoint import S3Endpoint, tail, unavailable

_SCRIPT = Path(__file__).resolve().parents[2] / "deployments" / "local" / "ceph-s3.sh"
_GIGABYTES = 4
_PROGRAMS = ("radosgw", "ceph-mon", "ceph-osd", "setpriv")
_PORTS = 43
# Of seconds; a dozen was the slowest start on a machine with more to do than it could.
_START = 90


class Ceph(S3Endpoint):
    """A throw-away Ceph: memstore is quick and forgets, bluestore keeps its objects over ``kill`` and ``restart``."""

    def __init__(
        self, folder: Path, port: int | None = None, objectstore: Literal["memstore", "bluestore"] = "memstore"
    ) -> None:
        super().__init__(port or ports.reserve(_PORTS))
        self.folder = folder
        self.objectstore = objectstore
        self._script: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it; some seconds. Skips the test where Ceph is not installed."""
        missing = [name for name in _PROGRAMS if shutil.which(name) is None]
        if missing:
            unavailable(
                f"no {', '.join(missing)} here: apt-get install --no-install-recommends radosgw ceph-mon ceph-osd"
            )
        (self.folder / "run").mkdir(parents=True, exist_ok=True)
        with self._log.open("a") as log:
            self._script = subprocess.Popen(
                [str(_SCRIPT), str(self.folder), str(self.port), self.objectstore, str(_GIGABYTES)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | self.environment(),
                # Ctrl-C in the tests' terminal is for the tests.
                start_new_session=True,
            )
        self._wait_until_ready()

    def kill(self, everything: bool = False) -> None:
        """Send SIGKILL to the gateway, or to monitor and object store too."""
        for name in ("rgw", "osd", "mon") if everything else ("rgw",):
            _kill(int((self.folder / f"{name}.pid").read_text()))
        if everything and self.objectstore == "memstore":
            self.stop()

    def restart(self) -> None:
        """Start again whatever was killed; memstore begins anew if everything was."""
        if self._script is None:
            return self.start()
        assert self._script.stdin
        self._script.stdin.write("\n")
        self._script.stdin.flush()
        self._wait_until_ready()

    def stop(self) -> None:
        """End every daemon, at once."""
        if self._script is None:
            return
        assert self._script.stdin
        assert self._script.stdout
        # The end of its input ends the script, and that the daemons.
        self._script.stdin.close()
        self._script.stdout.close()
        try:
            self._script.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._script.kill()
            self._script.wait()
        self._script = None

    def _wait_until_ready(self) -> None:
        assert self._script
        assert self._script.stdout
        if not select.select([self._script.stdout], [], [], _START)[0]:
            raise RuntimeError(f"Ceph did not start within {_START} s: see {self.folder / 'run'}")
        if self._script.stdout.readline() != "ready\n":
            raise RuntimeError(f"Ceph did not start:\n{tail(self._log)}")

    @property
    def _log(self) -> Path:
        return self.folder / "run" / "script.log"


def _kill(pid: int) -> None:
    """Kill a child of the script and wait until that has noticed."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, f"process {pid} survives SIGKILL"
        time.sleep(0.01)
