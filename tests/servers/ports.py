"""Ports that two test processes never both take: blocks locked by file, below those the kernel gives to connections."""

import fcntl
import os
import random
import tempfile
from pathlib import Path
from typing import TextIO

from deployments.local.settings import unused

_FIRST, _BLOCK, _BLOCKS = 20_000, 64, 199
# Locked until this process ends; the last is the one that ports are taken from.
_locks: list[TextIO] = []
_free = range(0)


def reserve(count: int = 1) -> int:
    """Return the first of ``count`` consecutive free ports, which are this process's until it ends."""
    global _free
    if count > _BLOCK:
        raise ValueError(f"{count} ports do not fit into a block of {_BLOCK}")
    while True:
        while len(_free) < count:
            _free = _lock_block()
        taken, _free = _free[:count], _free[count:]
        if all(unused(port) for port in taken):
            return taken[0]


def _lock_block() -> range:
    folder = Path(tempfile.gettempdir()) / f"saga-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for block in random.sample(range(_BLOCKS), _BLOCKS):
        file = (folder / str(block)).open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        _locks.append(file)
        return range(_FIRST + block * _BLOCK, _FIRST + (block + 1) * _BLOCK)
    raise RuntimeError(f"every block of ports is taken: see {folder}")
