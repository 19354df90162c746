"""An interruption that Python lost comes again: what is raised in a finaliser or a weakref callback is dropped."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading

# Until whatever it fell into has returned.
_SOON = 0.02
_taken = threading.Event()


def insist_on_interruptions() -> None:
    """Send a signal again whose exception was raised where none can be caught, until it ends the command."""
    other = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        number = _signal_of(unraisable.exc_value)
        if number is None:
            other(unraisable)
            return
        # Not from here, for what is raised in a hook is dropped as well; to the main thread, so that a wait ends.
        again = threading.Timer(_SOON, _send, (number,))
        again.daemon = True
        # Of a process that is about to end by itself no thread begins.
        with contextlib.suppress(RuntimeError):
            again.start()

    sys.unraisablehook = hook


def stop_insisting() -> None:
    """Send none any more: the command is ending, and what still falls by the way must not end that half done."""
    _taken.set()


def _send(number: signal.Signals) -> None:
    main = threading.main_thread().ident
    if main is not None and not _taken.is_set():
        signal.pthread_kill(main, number)


def _signal_of(error: BaseException | None) -> signal.Signals | None:
    # Prefect turns SIGTERM into an exception of its own.
    if type(error).__name__ == "TerminationSignal":
        return signal.SIGTERM
    if isinstance(error, KeyboardInterrupt):
        # SIGTERM is one too before Prefect begins, and in the background SIGINT is ignored.
        ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        return signal.SIGTERM if ignored else signal.SIGINT
    return None
