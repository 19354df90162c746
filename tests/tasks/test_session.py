"""Where a stage meets the store: what is made, made again, and taken from who made it meanwhile."""

import dataclasses
import errno
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from saga_core.artifacts.holder import Holder
from saga_core.artifacts.shards import Rows, make_rows
from saga_core.artifacts.storage import Patience
from saga_core.artifacts.store import Store
from saga_core.artifacts.tables import write_rows
from saga_core.errors import StageError
from saga_core.progress import Tick
from tasks.report import RunReport
from tasks.runner import resolve
from tasks.session import Session
from tasks.stage import Stage, Work

OpenDemo = Callable[..., Session]
SCHEMA = {"n": "int64"}


def counting(calls: list[int], fail_at: int | None = None) -> Stage:
    """A stage that makes six rows in shards of two, and notes which."""

    def compute(work: Work) -> dict[str, Any]:
        def make(part: Sequence[int], tick: Tick) -> list[dict[str, int]]:
            if fail_at in part:
                raise KeyboardInterrupt
            calls.extend(part)
            tick(len(part))
            return [{"n": n} for n in part]

        made = make_rows(work.partial, Rows("numbers", range(6), lambda: make, SCHEMA, "rows"), 2)
        write_rows(work.out / "rows.parquet", made, SCHEMA)
        return {"rows": len(made)}

    return Stage("base", 1, lambda recipe: {"seed": recipe.seed}, compute)


def refreshing(session: Session) -> Session:
    """The same in another process, whose stage is to be made again."""
    store = Store(session.store.uri, session.store.patience)
    return dataclasses.replace(session, store=store, refresh=frozenset({"base"}))


def test_a_refresh_uses_no_piece_of_what_it_makes_again(open_demo: OpenDemo, monkeypatch: pytest.MonkeyPatch) -> None:
    session, calls = open_demo(), []
    with monkeypatch.context() as patch:
        # As after a kill between the commit and the removal of the pieces.
        patch.setattr("saga_core.artifacts.partial.Partial.clear", lambda *arguments: None)
        first = resolve(counting(calls), session, {})
    assert calls == [0, 1, 2, 3, 4, 5]
    calls.clear()
    # Its own pieces it does use, if it is interrupted.
    with pytest.raises(KeyboardInterrupt):
        resolve(counting(calls, fail_at=4), refreshing(session), {})
    assert calls == [0, 1, 2, 3]
    again = resolve(counting(calls), refreshing(session), {})
    assert calls == [0, 1, 2, 3, 4, 5]
    assert again.state == "computed"
    assert first.reference is not None
    assert again.reference is not None
    assert again.reference.digest == first.reference.digest
    assert again.reference.uri != first.reference.uri


def test_what_was_made_between_look_and_lease_is_not_made_again(open_demo: OpenDemo) -> None:
    session, calls, stage = open_demo(), [], counting([])
    lookup = session.look_up(stage, {})
    made = resolve(stage, dataclasses.replace(session, store=Store(session.store.uri)), {})
    # This one still believes what it saw before.
    late = session.compute(counting(calls), lookup, {})
    assert (late.state, late.reference) == ("cached", made.reference)
    assert calls == []


def test_a_refresh_that_was_taken_over_is_no_answer_until_it_is_made(open_demo: OpenDemo) -> None:
    session, calls = open_demo(), []
    session = dataclasses.replace(session, store=Store(session.store.uri, Patience(seconds=20, lease=2.0)))
    first = resolve(counting(calls), session, {})
    made, again = counting(calls), refreshing(session)

    def compute(work: Work) -> dict[str, Any]:
        if len(calls) == 6:
            # Meanwhile another one took the lease, as after a pause, and died.
            folder = Path(work.uri).parent / "lease"
            number = max(file.stem for file in folder.glob("*.json"))
            (folder / f"{number}.end").write_text('{"fenced": {}}')
            holder = Holder.this("another").model_copy(update={"machine": "f" * 32})
            (folder / f"{int(number) + 1:08d}.json").write_text(holder.model_dump_json())
        return made.compute(work)

    outcome = resolve(dataclasses.replace(made, compute=compute), again, {})
    assert outcome.state == "computed"
    assert first.reference is not None
    assert outcome.reference is not None
    assert outcome.reference.uri != first.reference.uri
    # Once at first, and once or twice in the refresh, whose shards may be kept.
    assert calls[:6] == [0, 1, 2, 3, 4, 5]
    assert len(calls) >= 12


def test_whatever_failed_the_report_of_it_can_be_read(open_demo: OpenDemo) -> None:
    session = dataclasses.replace(open_demo(), run="demo-0123456789")
    report = RunReport(session)
    report.fail("base", RuntimeError("Error(s) in loading:\n\tsize mismatch\u00a0for x \x1b[2J"))
    (read,) = session.store.runs.newest("demo-0123456789")
    assert read["stages"][0]["why"] == "Error(s) in loading: size mismatch for x \N{REPLACEMENT CHARACTER}[2J"


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), ValueError("I/O error: No space left on device")]
)
def test_a_full_disk_is_the_stores_or_the_temporary_one(open_demo: OpenDemo, tmp_path: Path, error: Exception) -> None:
    def fail(work: Work) -> dict[str, Any]:
        raise error

    session = open_demo()
    for uri, told in (
        (session.store.uri, f"{session.store.uri}: the disk is full; free some space or choose another --store"),
        (
            f"memory://{tmp_path.name}",
            f"{tempfile.gettempdir()}: the disk is full; free some space or let TMPDIR name another disk",
        ),
    ):
        with pytest.raises(StageError, match=f"^{re.escape(told)}, then run again$"):
            resolve(Stage("base", 1, lambda recipe: {}, fail), dataclasses.replace(session, store=Store(uri)), {})
