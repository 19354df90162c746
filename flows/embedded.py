"""Prefect's temporary API server for a run without a server of its own."""

from __future__ import annotations

import signal


def start_embedded_api() -> None:
    """Start Prefect's temporary server, unless a server is configured; it ends with this process.

    A terminal sends Ctrl-C to every process of the group. The server must outlive the flow that is being
    interrupted, or the flow waits minutes for it; a child inherits which signals are blocked, so SIGINT never
    reaches it.
    """
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import get_current_settings

    if get_current_settings().api.url:
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        SubprocessASGIServer().start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
