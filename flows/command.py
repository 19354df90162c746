"""The entry point of the command ``saga``: an interruption is one line, also while the command is starting."""

from __future__ import annotations

import io
import signal
import sys
from types import FrameType

from flows.insisting import insist_on_interruptions
from saga_core.telling import tell


def main() -> None:
    """Run the command."""
    try:
        # A batch system ends a run with SIGTERM: the same way out as Ctrl-C.
        signal.signal(signal.SIGTERM, _interrupt)
        insist_on_interruptions()
        # What an old terminal cannot show is no reason to fail.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        import typer

        from flows.cli import app

        try:
            sys.exit(app(sys.argv[1:] or ["--help"], standalone_mode=False))
        except typer.TyperException as error:
            told = " ".join(error.format_message().split()).rstrip(".")
            tell(f"saga: {told}; saga --help, or saga COMMAND --help, shows what there is")
            sys.exit(error.exit_code)
        except typer.Abort:
            raise KeyboardInterrupt from None
    except KeyboardInterrupt:
        tell("saga: interrupted; the same command resumes")
        sys.exit(1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
