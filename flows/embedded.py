"""Prefect's temporary API server for a run without a server of its own."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from unittest import mock

from saga_core.errors import UserError

_PR_SET_PDEATHSIG = 1


def start_embedded_api() -> None:
    """Start Prefect's temporary server, unless a server is configured; it ends with this process.

    A terminal sends Ctrl-C to every process of the group, a batch system SIGTERM. The server must outlive the flow
    that is being interrupted, or the flow waits minutes for it; so it gets a session of its own. And it must not
    outlive a run that was killed; so the kernel ends it with its parent. Prefect has no setting for either.
    """
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import get_current_settings

    settings = get_current_settings()
    if settings.api.url:
        return
    _check_home(settings.home)
    popen = partial(subprocess.Popen, start_new_session=True, preexec_fn=_end_with_parent)
    with mock.patch("prefect.server.api.server.subprocess.Popen", popen):
        SubprocessASGIServer().start()


def _check_home(home: Path) -> None:
    """Refuse a folder that the server cannot write to, for which it would be waited in vain.

    Raises:
        UserError: It is one.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=home).close()
    except OSError as error:
        what = f"Prefect's server cannot write here: {error.strerror}"
        raise UserError(what, str(home), "let PREFECT_HOME name another folder") from error


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
