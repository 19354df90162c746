"""A quick S3 server for the tests: moto's, in a process of its own. It forgets everything when it ends.

It checks no signatures; what depends on them needs ``Ceph``.
"""

import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

from servers import ports
from servers.s3_endpoint import S3Endpoint, tail, unavailable


class MotoServer(S3Endpoint):
    """Moto's server on loopback."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        super().__init__(port or ports.reserve())
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; a second or two. Skips the test where moto is not installed."""
        if find_spec("moto") is None or find_spec("flask") is None:
            unavailable("no moto here: pip install 'moto[server]'")
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "moto.log"
        with log.open("a") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "servers.moto_process", str(self.port)],
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"moto did not start:\n{tail(log)}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Send SIGKILL."""
        assert self._process
        self._process.kill()
        self._process.communicate()

    def restart(self) -> None:
        """Start again after ``kill``, without buckets."""
        self.start()

    def stop(self) -> None:
        """End the server."""
        if self._process is not None:
            self.kill()
            self._process = None

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.endpoint}/moto-api/", timeout=5).close()
        except (urllib.error.URLError, ConnectionError):
            return False
        return True


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    from moto.server import main

    # The starter holds the other end of standard input: its end, by whatever means, is this process's too.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
