"""Reports of runs: which artifacts a run referred to, one file each time it was started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from saga_core.artifacts.fingerprint import canonical
from saga_core.artifacts.record import Line, Sha256
from saga_core.artifacts.storage import Storage
from saga_core.errors import DamagedArtifactError

RUNS = "runs"

# A run that finds everything as its last report says writes nothing, unless that report is as old as this, seconds:
# what a report names may have been used so long after it was written.
UNSAID = 3600.0


def moment(text: str) -> str:
    """Return a time as it is, if it is one with a time zone: for validation."""
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("has no time zone")
    return text


class StageRow(BaseModel):
    """What became of a stage in a run: the fields of its outcome, and of the artifact's reference."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    stage: Line
    key: Sha256 | None
    digest: Sha256 | None
    state: Line
    seconds: float
    uri: Line | None
    why: Line
    kept: Line | None


class Report(BaseModel):
    """What a run did, as ``--json`` prints it.

    Attributes:
        run: Its name.
        recipe: The recipe's name.
        store: URI of the store.
        time: When it was started, UTC, ISO 8601.
        stages: Every stage that it came to.
        metrics: Figures of the base and of the final model, each with its interval.
        adapter: URI of the adapter, or None.
        card: URI of the model card, or None.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: Line
    recipe: Line
    store: Line
    time: Annotated[str, AfterValidator(moment)]
    stages: tuple[StageRow, ...]
    metrics: dict[Literal["base", "final"], dict[Line, dict[Line, int | float]]]
    adapter: Line | None
    card: Line | None


class Runs:
    """The reports in a store.

    Args:
        storage: Where they are.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def write(self, run: str, time: str, report: dict[str, Any]) -> None:
        """Keep what a run referred to, under its name and the time at which it was started."""
        self._storage.write(f"{RUNS}/{run}/{time}.json", (canonical(report) + "\n").encode())

    def newest(self, name: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield reports, newest first, each read only when it is wanted.

        Args:
            name: Name of a run, or of a recipe; default: all runs.
        """
        entries = self._storage.files(f"{RUNS}/{name}") if name and _is_run(name) else []
        # A recipe's name may look like a run's.
        entries = entries or self._storage.files(RUNS)
        for entry in sorted(entries, key=lambda entry: entry.path.rsplit("/", 1)[-1], reverse=True):
            run = entry.path.split("/")[1]
            # An empty name, as of a variable that is not set, is no run's.
            if name is not None and name not in (run, run.rpartition("-")[0]):
                continue
            # A report that a killed writer left half, or that is none, is no reason to hide the others.
            with suppress(DamagedArtifactError):
                report = self.read(entry.path)
                if report is not None and (name is None or name in (report["run"], report["recipe"])):
                    yield report

    def read(self, path: str) -> dict[str, Any] | None:
        """Return the report in a file, or None where there is no file.

        Raises:
            DamagedArtifactError: The file holds no report.
        """
        data = self._storage.read(path)
        if data is None:
            return None
        try:
            return Report.model_validate_json(data).model_dump(mode="json")
        except ValidationError as error:
            raise DamagedArtifactError("not a run's report", self._storage.locate(path)) from error


def _is_run(name: str) -> bool:
    tail = name.rpartition("-")[2]
    return len(tail) == 10 and all(c in "0123456789abcdef" for c in tail)
