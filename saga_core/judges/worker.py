"""What every process of a judge does, whatever it parses with."""

from __future__ import annotations

import multiprocessing
import os
from threading import Thread


def end_with_parent() -> None:
    """End this process when the one that started it is gone, even by SIGKILL.

    A pool's process otherwise waits for work for ever: it holds both ends of the queue that it reads. And not
    by ``PR_SET_PDEATHSIG``, which takes the end of the thread that started the process for the end of its parent.
    """
    Thread(target=_wait_and_end, name="end-with-parent", daemon=True).start()


def _wait_and_end() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
