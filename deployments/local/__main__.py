"""The command: ``python -m deployments.local start|stop|status``."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from deployments.local.folder import Folder
from saga_core.errors import SagaError, UserError
from saga_core.telling import tell


def main(arguments: list[str]) -> int:
    """Run a command; return its exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    folder = Folder.find()
    try:
        match arguments:
            case ["start"]:
                # Prefect takes a second to import, which the others need not pay.
                from deployments.local.start import start

                start(folder)
            case ["stop"]:
                from deployments.local.stop import stop

                stop(folder)
            case ["status"]:
                from deployments.local.stop import status

                return 0 if status(folder) else 1
            case _:
                raise UserError("no such command", "python -m deployments.local", "it takes start, stop or status")
    except SagaError as error:
        tell(f"server: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        tell("server: interrupted; make server goes on from here, make server-stop ends what was started")
        return 1
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
