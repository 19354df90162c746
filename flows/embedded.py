"""Prefect's temporary API server for a run without a server of its own."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from functools import partial
from unittest import mock

_PR_SET_PDEATHSIG = 1


def start_embedded_api() -> None:
    """Start Prefect's temporary server, unless a server is configured; it ends with this process.

    A terminal sends Ctrl-C to every process of the group, a batch system SIGTERM. The server must outlive the flow
    that is being interrupted, or the flow waits minutes for it; so it gets a session of its own. And it must not
    outlive a run that was killed; so the kernel ends it with its parent. Prefect has no setting for either.
    """
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import get_current_settings

    if get_current_settings().api.url:
        return
    popen = partial(subprocess.Popen, start_new_session=True, preexec_fn=_end_with_parent)
    with mock.patch("prefect.server.api.server.subprocess.Popen", popen):
        SubprocessASGIServer().start()


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
