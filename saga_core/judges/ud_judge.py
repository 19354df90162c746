"""The judge of all parsers of Universal Dependencies: parses become verdicts by the rules, in one process or many."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cached_property
from multiprocessing import get_context

from saga_core.errors import StageError
from saga_core.judges.protocol import UDParser
from saga_core.judges.rules import Unit, judge_sentences
from saga_core.judges.verdict import Verdict
from saga_core.judges.worker import end_with_parent
from saga_core.progress import Tick

# Texts that a process takes at once.
_BATCH = 64


class UDJudge:
    """Judges texts by the trees that a parser makes of them.

    Args:
        load: Loads the parser; can be pickled, for each process calls it.
        where: The parser's kind and model, for errors.
        unit: Whether all sentences of a text are judged or the first alone.
        workers: Processes to judge with; each loads the model, so it takes thousands of texts to pay.

    Raises:
        UserError: The parser cannot be loaded.
    """

    def __init__(self, load: Callable[[], UDParser], where: str, unit: Unit, workers: int = 1) -> None:
        self._load, self._where, self._unit, self._workers = load, where, unit, workers
        self._parser = load()

    def judge(self, texts: Sequence[str], tick: Tick) -> list[Verdict]:
        """Judge texts; see ``Judge.judge``.

        Raises:
            StageError: A worker process died.
        """
        if self._workers == 1 or len(texts) <= _BATCH:
            return list(_ticking(_verdicts(self._parser, self._unit, texts), tick))
        batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
        try:
            spread = (verdict for batch in self._pool.map(_judge_in_worker, batches) for verdict in batch)
            return list(_ticking(spread, tick))
        except BrokenProcessPool as error:
            del self._pool
            raise StageError("a process of the judge died", self._where, "lower runtime.workers") from error

    @cached_property
    def _pool(self) -> ProcessPoolExecutor:
        # Not spaCy's n_process: reading its Docs back costs this process more than parsing them. Not fork: it
        # would copy the locks of whatever threads the caller runs.
        return ProcessPoolExecutor(
            self._workers, get_context("spawn"), initializer=_start_worker, initargs=(self._load, self._unit)
        )


_worker: tuple[UDParser, Unit]


def _start_worker(load: Callable[[], UDParser], unit: Unit) -> None:
    global _worker
    end_with_parent()
    # An interruption reaches the whole group; what comes of it is the caller's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Before torch is imported: the processes share the cores already, so none needs a thread for each.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    _worker = load(), unit


def _judge_in_worker(texts: Sequence[str]) -> list[Verdict]:
    return list(_verdicts(*_worker, texts))


def _verdicts(parser: UDParser, unit: Unit, texts: Sequence[str]) -> Iterator[Verdict]:
    for sentences in parser.parse(texts):
        yield judge_sentences(sentences, unit)


def _ticking(verdicts: Iterator[Verdict], tick: Tick) -> Iterator[Verdict]:
    for verdict in verdicts:
        yield verdict
        tick(1)
