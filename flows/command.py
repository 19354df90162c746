"""The entry point of the command ``saga``: an interruption is one line, also while the command is starting."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from saga_core.telling import tell


def main() -> None:
    """Run the command."""
    try:
        # A batch system ends a run with SIGTERM: the same way out as Ctrl-C.
        signal.signal(signal.SIGTERM, _interrupt)
        from flows.cli import app

        app()
    except KeyboardInterrupt:
        tell("saga: interrupted; the same command resumes")
        sys.exit(1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
