import threading
import time
from collections.abc import Callable

import pytest

from saga_core.progress import progress
from saga_core.watching import Position, watching


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "never"
        time.sleep(0.01)


def test_a_position_reads_as_the_terminal_tells_it() -> None:
    assert str(Position("candidates", "rows", 120, 4800, 31.2, 150.0)) == (
        "candidates: 120/4800 rows, 31.2 rows/s, 150 s left"
    )
    assert str(Position("reading", "documents", 7, None, 3.0, None)) == "reading: 7 documents, 3.0 documents/s"


def test_whoever_watches_sees_work_as_it_gets_on_and_its_end() -> None:
    seen: list[Position] = []
    with watching(seen.append, every=0.02), progress("work", 10, "rows", done=2) as tick:
        tick(3)
        until(lambda: bool(seen))
        assert (seen[-1].done, seen[-1].total) == (5, 10)
        tick(5)
    assert (seen[-1].what, seen[-1].unit, seen[-1].done, seen[-1].left) == ("work", "rows", 10, 0.0)
    assert "saga-watching" not in {thread.name for thread in threading.enumerate()}


def test_the_callback_is_called_seldom_and_from_another_thread() -> None:
    calls: list[str] = []
    with watching(lambda _: calls.append(threading.current_thread().name), every=60), progress("w", 9, "rows") as tick:
        for _ in range(9):
            tick()
    assert calls == ["saga-watching"]


def test_a_work_within_a_work_is_seen_while_it_lasts() -> None:
    seen: list[Position] = []
    with watching(seen.append, every=0.01), progress("outer", 4, "rows") as tick:
        tick()
        with progress("inner", 2, "MB") as inner:
            inner()
            until(lambda: any(each.what == "inner" for each in seen))
        tick()
        until(lambda: seen[-1].what == "outer" and seen[-1].done == 2)


def test_a_callback_that_fails_is_told_of_once_and_harms_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    calls = []

    def fail(position: Position) -> None:
        calls.append(position)
        raise ConnectionError("the server is away")

    with watching(fail, every=0.01), progress("work", 1000, "rows") as tick:
        for count in range(3):
            tick()
            until(lambda count=count: len(calls) > count)
    assert len(calls) >= 3
    assert capsys.readouterr().err.count("the server is away") == 1


def test_a_callback_that_hangs_holds_the_work_up_for_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saga_core.watching._LAST_WORD_SECONDS", 0.1)
    free = threading.Event()
    start = time.monotonic()
    with watching(lambda _: free.wait(30) and None, every=0.01), progress("work", 2, "rows") as tick:
        tick(2)
    assert time.monotonic() - start < 5
    free.set()


def test_work_in_another_context_is_not_seen() -> None:
    seen: list[Position] = []

    def elsewhere() -> None:
        with progress("other", 1, "rows") as tick:
            tick()

    with watching(seen.append, every=0.01):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        time.sleep(0.05)
    assert not seen


def test_the_watch_ends_with_work_that_fails() -> None:
    seen: list[Position] = []

    def work() -> None:
        with watching(seen.append, every=60), progress("work", 3, "rows") as tick:
            tick()
            raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        work()
    assert seen[-1].done == 1
