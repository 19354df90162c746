"""Many small questions to a storage, several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(function: Callable[[Item], Result], items: Sequence[Item], threads: int = 8) -> Iterator[Result]:
    """Yield a function's results, in the order of the items; what it raises is raised here."""
    pool = ThreadPoolExecutor(threads)
    try:
        yield from pool.map(function, items)
    finally:
        # An outage or an interruption waits for nothing that has not begun.
        pool.shutdown(cancel_futures=True)
