"""The artifacts of a run as the page reads them: parts of headlines and tables, checked; absent ones are empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from saga_core.artifacts.record import Record
from saga_core.artifacts.store import Store
from saga_core.artifacts.tables import read_rows
from saga_core.errors import DamagedArtifactError

Value = TypeVar("Value")


class RunArtifacts:
    """What a run's report refers to.

    Args:
        store: The store that holds it.
        report: The run's report.

    Raises:
        StoreError: The store cannot be read.
        DamagedArtifactError: A record is damaged.
    """

    def __init__(self, store: Store, report: Mapping[str, Any]) -> None:
        self._store = store
        found = {row["stage"]: store.find(row["stage"], row["key"]) for row in report["stages"] if row["key"]}
        self.records: Mapping[str, Record] = {stage: record for stage, record in found.items() if record}

    def part(self, stage: str, name: str, kind: type[Value]) -> Value | None:
        """Return a field of a stage's headline, None where the stage or the field is absent.

        Raises:
            DamagedArtifactError: The field has another form.
        """
        record = self.records.get(stage)
        if record is None or name not in record.headline:
            return None
        return self.checked(stage, kind, record.headline[name])

    def whole(self, stage: str, kind: type[Value]) -> Value | None:
        """Return a stage's whole headline, None where the stage is absent; see ``part``."""
        record = self.records.get(stage)
        return self.checked(stage, kind, record.headline) if record else None

    def settings(self, stage: str, name: str, kind: type[Value]) -> Value | None:
        """Return a field of a stage's slice of the recipe, None where the stage or the field is absent."""
        record = self.records.get(stage)
        settings = record.payload.get("settings", {}) if record else {}
        return self.checked(stage, kind, settings[name]) if name in settings else None

    def rows(self, stage: str, file: str, columns: list[str] | None = None) -> list[dict[str, Any]]:
        """Return the rows of a stage's table, none where the stage or the file is absent.

        Args:
            stage: The stage.
            file: Name of the Parquet file.
            columns: What to read of each row; None for all.

        Raises:
            DamagedArtifactError: The file differs from its record, or is no table.
        """
        record = self.records.get(stage)
        if record is None or file not in {entry.path for entry in record.files}:
            return []
        folder = self._store.fetch(self._store.reference(record), only={file})
        return read_rows(folder / file, columns=columns)

    def numbers(self, stage: str, file: str, column: str) -> list[float]:
        """Return a column of numbers of a stage's table; see ``rows``."""
        rows = self.rows(stage, file, [column])
        return self.checked(stage, list[float], [row.get(column) for row in rows])

    def checked(self, stage: str, kind: type[Value], value: object) -> Value:
        """Return a value of a stage's artifact if it has the form that the page reads.

        Raises:
            DamagedArtifactError: It has not.
        """
        try:
            return TypeAdapter(kind).validate_python(value)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            where = self._store.reference(self.records[stage]).uri
            raise DamagedArtifactError(f"not what {stage} writes: {place} {first['msg']}", where) from error
