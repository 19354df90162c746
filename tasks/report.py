"""What a run did: one JSON object, kept in the store from the first stage on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from saga_core.artifacts.partial import Partial
from saga_core.artifacts.record import Record
from saga_core.artifacts.runs import UNSAID
from saga_core.artifacts.store import Store
from saga_core.errors import DamagedArtifactError, SagaError, StoreError, UserError
from saga_core.telling import printable, tell
from tasks.session import Outcome, Session


class RunReport:
    """The report of a run, written to the store whenever something changed."""

    def __init__(self, session: Session, outcomes: Sequence[Outcome] = ()) -> None:
        self._session = session
        self._outcomes = list(outcomes)
        self._started = time.monotonic()
        self._time = datetime.now(UTC).isoformat(timespec="microseconds")
        self.name = session.run

    def begin(self, stage: str) -> None:
        """Say on standard error that a stage begins."""
        self._started = time.monotonic()
        tell(f"{stage} …")

    def add(self, outcome: Outcome) -> None:
        """Take in what became of a stage; made again, it takes the place of what it was."""
        places = [i for i, before in enumerate(self._outcomes) if before.stage == outcome.stage]
        if places:
            self._outcomes[places[0]] = outcome
        else:
            self._outcomes.append(outcome)
        tell(f"{outcome.stage}: {outcome.state} in {outcome.seconds:.1f} s ({outcome.why})")
        self.keep()

    def keep(self) -> None:
        """Write the report to the store; each start of a run has a report of its own."""
        self._session.store.runs.write(self.name, self._time.replace(":", ""), self.as_dict())

    def fail(self, stage: str, error: BaseException) -> None:
        """Take in that a stage failed, and which of its pieces are kept."""
        why = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__
        seconds = time.monotonic() - self._started
        partial: Partial | None = getattr(error, "partial", None)
        away = isinstance(error, StoreError) and not isinstance(error, DamagedArtifactError)
        kept = None
        if partial is not None:
            # A store that does not answer has just been waited for long enough.
            kept = f"whatever is in {partial.uri}" if away else _pieces(partial)
        self._outcomes.append(Outcome(stage, "failed", why, seconds=seconds, kept=kept))
        # A full disk fails the stage and its report alike; the stage's error is the one that counts.
        with contextlib.suppress(SagaError):
            if not away:
                self.keep()

    def as_dict(self) -> dict[str, Any]:
        """Return the report as it is stored and printed by ``--json``."""
        done = {outcome.stage: outcome for outcome in self._outcomes}
        metrics = {}
        for name, stage in (("base", "evaluate_base"), ("final", "evaluate")):
            headline = done[stage].headline if stage in done else None
            metrics[name] = dict(headline["metrics"]) if headline else {}
        return {
            "run": self.name,
            "recipe": self._session.recipe.name,
            "store": self._session.store.uri,
            "time": self._time,
            "stages": [_stage_row(outcome) for outcome in self._outcomes],
            "metrics": metrics,
            "adapter": _uri(done.get("publish"), "") or _uri(done.get("dpo"), "/adapter"),
            "card": _uri(done.get("promotion"), "/README.md") or _uri(done.get("publish"), "/README.md"),
        }


def _stage_row(outcome: Outcome) -> dict[str, Any]:
    return {
        "stage": outcome.stage,
        "key": outcome.reference.key if outcome.reference else None,
        "digest": outcome.reference.digest if outcome.reference else None,
        "state": outcome.state,
        "seconds": round(outcome.seconds, 2),
        "uri": outcome.reference.uri if outcome.reference else None,
        "why": printable(" ".join(outcome.why.split())),
        "kept": outcome.kept and printable(outcome.kept),
    }


def _pieces(partial: Partial) -> str | None:
    with contextlib.suppress(SagaError):
        names = partial.names()
        if names:
            many = f"{len(names)} pieces, the last {names[-1]}" if len(names) > 1 else names[0]
            return f"{many}, in {partial.uri}"
    return None


def _uri(outcome: Outcome | None, suffix: str) -> str | None:
    return outcome.reference.uri + suffix if outcome and outcome.reference else None


def report_unchanged(session: Session, done: Sequence[Outcome]) -> dict[str, Any]:
    """Return the report of a run that had nothing to do, and keep it where the last one does not say so already."""
    report = RunReport(session, done)
    result = report.as_dict()
    before = find_run(session.store, report.name)
    # Nothing was made, so a store that cannot be written to loses nothing.
    with contextlib.suppress(SagaError):
        if before is None or _artifacts(before) != _artifacts(result):
            report.keep()
        elif (datetime.now(UTC) - datetime.fromisoformat(before["time"])).total_seconds() > UNSAID:
            _mark_used(session.store, before)
    return result


def _artifacts(report: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(row["stage"], row["uri"]) for row in report["stages"]]


def _mark_used(store: Store, report: dict[str, Any]) -> None:
    """Write a run's report once more, so that ``saga gc`` sees that what it names was used now.

    Args:
        store: Where it is.
        report: As it is stored.
    """
    store.runs.write(report["run"], report["time"].replace(":", ""), report)


def find_run(store: Store, name: str | None, *, with_card: bool = False, since: str = "") -> dict[str, Any] | None:
    """Return the newest report of a run by its name, of a recipe by the recipe's, or of all.

    Args:
        store: Where to look.
        name: Name of a run or of a recipe, or None.
        with_card: Pass over runs that published no card.
        since: Pass over runs that were started before this UTC time, ISO 8601.
    """
    for run in store.runs.newest(name):
        if run["time"] < since:
            return None
        if run["card"] or not with_card:
            return run
    return None


def find_stage(store: Store, report: Mapping[str, Any], stage: str) -> Record:
    """Return the record of what a run has of a stage.

    Args:
        store: The store that holds the run's artifacts.
        report: The run's report.
        stage: The stage.

    Raises:
        UserError: The run has none, or it is no longer in the store.
    """
    keys = {row["stage"]: row["key"] for row in report["stages"]}
    record = store.find(stage, keys[stage]) if keys.get(stage) else None
    if record is None:
        what = f"what its stage {stage} made is no longer in the store"
        raise UserError(what, str(report["run"]), "run the recipe again")
    return record


def find_card(store: Store, report: Mapping[str, Any]) -> Path:
    """Return a local file with a run's newest model card, checked.

    Args:
        store: The store that holds the run's artifacts.
        report: The run's report.

    Raises:
        UserError: It is no longer in the store.
        DamagedArtifactError: It is not what was recorded.
    """
    stages = {row["stage"] for row in report["stages"]}
    # Where the adapter was compared with a champion, that card tells of it too.
    record = find_stage(store, report, "promotion" if "promotion" in stages else "publish")
    return store.fetch(store.reference(record)) / "README.md"
