"""In what two artifacts of a stage differ: what is in their keys, and the versions that made them.

Of an input that changed, why that one did, down to the first cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saga_core.artifacts.fingerprint import canonical
from saga_core.artifacts.record import Record, Reference
from saga_core.artifacts.store import Store
from saga_core.errors import DamagedArtifactError, UserError


@dataclass(frozen=True)
class Change:
    """Something that two artifacts have in common, with another value.

    Attributes:
        name: Dotted name: ``settings.beta``, ``outside.model.sha256``, ``version``, ``packages.torch``.
        old: The first one's value; None where it has none.
        new: The second one's value; None where it has none.
    """

    name: str
    old: Any
    new: Any


@dataclass(frozen=True)
class InputChange:
    """An input in which two artifacts differ.

    Attributes:
        name: What they call it.
        old: The first one's; None where it has none.
        new: The second one's; None where it has none.
        cause: Why it changed, where that can be told and was not told before.
        note: What else is to be said, or None.
    """

    name: str
    old: Reference | None
    new: Reference | None
    cause: Difference | None = None
    note: str | None = None


@dataclass(frozen=True)
class Difference:
    """In what two artifacts differ.

    Attributes:
        old: The first one's record.
        new: The second one's record.
        fields: Settings, outside inputs and the stage's version: what is in the keys beside the inputs.
        inputs: Inputs with another content.
        versions: What is in no key: code, machine and packages.
    """

    old: Record
    new: Record
    fields: tuple[Change, ...]
    inputs: tuple[InputChange, ...]
    versions: tuple[Change, ...]

    @property
    def same_key(self) -> bool:
        """Whether the same was asked for."""
        return self.old.key == self.new.key

    @property
    def same_result(self) -> bool:
        """Whether the same came out."""
        return self.old.digest == self.new.digest


def compare(store: Store, old: Record, new: Record, told: set[tuple[str, str]] | None = None) -> Difference:
    """Return in what two artifacts of a stage differ.

    Args:
        store: Where the records of their inputs are.
        old: One artifact.
        new: The other.
        told: Pairs of keys whose difference was told before, and is not told again.

    Raises:
        UserError: They are of different stages.
        StoreError: The store cannot be read.
    """
    if old.stage != new.stage:
        remedy = "name two artifacts of one stage, or two runs"
        raise UserError(f"{old.stage} and {new.stage} are different stages", "saga why", remedy)
    told = set() if told is None else told
    told.add((old.key, new.key))
    fields = [change for change in _changes(old.payload, new.payload) if not change.name.startswith("inputs.")]
    inputs = [
        _compare_input(store, name, old.inputs.get(name), new.inputs.get(name), told)
        for name in sorted(old.inputs.keys() | new.inputs.keys())
        if _digest(old, name) != _digest(new, name)
    ]
    versions = _changes(old.provenance.model_dump(), new.provenance.model_dump())
    return Difference(old, new, tuple(fields), tuple(inputs), tuple(versions))


def compare_runs(store: Store, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Difference | str | None]:
    """Return in what the artifacts of two runs differ, by stage: a difference, why there is none, or None for the same.

    Args:
        store: Where the artifacts are.
        old: One run's report.
        new: The other's.

    Raises:
        StoreError: The store cannot be read.
    """
    rows = [{row["stage"]: row for row in report["stages"]} for report in (old, new)]
    told: set[tuple[str, str]] = set()
    found: dict[str, Difference | str | None] = {}
    for stage in dict.fromkeys([*rows[0], *rows[1]]):
        found[stage] = _compare_rows(store, stage, rows[0].get(stage), rows[1].get(stage), told)
    return found


def _compare_rows(
    store: Store,
    stage: str,
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any] | None,
    told: set[tuple[str, str]],
) -> Difference | str | None:
    if old is None or new is None or not old["key"] or not new["key"]:
        what = [_outcome(row) for row in (old, new)]
        return None if what[0] == what[1] else f"the first {what[0]}, the second {what[1]}"
    if old["key"] == new["key"]:
        same = old["digest"] == new["digest"]
        return None if same else "made again in between: the same key, another result"
    records = [_find(store, stage, row["key"]) for row in (old, new)]
    if records[0] is None or records[1] is None:
        gone = [row["key"][:8] for row, record in zip((old, new), records, strict=True) if record is None]
        return f"why cannot be told: {' and '.join(gone)} no longer in the store"
    return compare(store, records[0], records[1], told)


def _outcome(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "did not come to it"
    return f"has {row['key'][:8]}" if row["key"] else f"{row['state']} it ({row['why']})"


def explain_difference(payload: Mapping[str, Any], other: Record) -> list[str]:
    """Say in which fields, inputs and versions a payload differs from that of a stored artifact."""
    lines = []
    for change in _changes(other.payload, payload):
        kind, _, rest = change.name.partition(".")
        if kind == "settings":
            lines.append(f"{rest} {show(change.old)} → {show(change.new)}")
        elif kind == "inputs":
            lines.append(f"input {rest} changed")
        elif kind == "outside":
            lines.append(f"{rest.split('.')[0]} changed")
        else:
            lines.append(f"{change.name} {show(change.old)} → {show(change.new)}")
    return list(dict.fromkeys(lines))


def show(value: object) -> str:
    """Return a field's value as a person reads it."""
    return "none" if value is None else str(value)


def _compare_input(
    store: Store, name: str, old: Reference | None, new: Reference | None, told: set[tuple[str, str]]
) -> InputChange:
    if old is None or new is None:
        return InputChange(name, old, new, note="only the second has it" if old is None else "only the first has it")
    if old.key == new.key:
        return InputChange(name, old, new, note="made again in between: the same key, another result")
    if (old.key, new.key) in told:
        return InputChange(name, old, new, note="told above")
    before, after = (_find(store, reference.stage, reference.key) for reference in (old, new))
    if before is None or after is None:
        gone = [ref.key[:8] for ref, record in ((old, before), (new, after)) if record is None]
        return InputChange(name, old, new, note=f"why cannot be told: {' and '.join(gone)} no longer in the store")
    again = [ref.key[:8] for ref, record in ((old, before), (new, after)) if record.digest != ref.digest]
    note = f"{' and '.join(again)} was made again since" if again else None
    return InputChange(name, old, new, compare(store, before, after, told), note)


def _find(store: Store, stage: str, key: str) -> Record | None:
    try:
        return store.find(stage, key)
    except DamagedArtifactError:
        return None


def _digest(record: Record, name: str) -> str | None:
    reference = record.inputs.get(name)
    return reference.digest if reference else None


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    before, after = flat(old), flat(new)
    changes = []
    for name in sorted(before.keys() | after.keys()):
        was, is_ = before.get(name), after.get(name)
        # As the key sees them: 1 and 1.0 are two values.
        if canonical(was) != canonical(is_):
            changes.append(Change(name, was, is_))
        elif (name in before) != (name in after):
            changes.append(Change(name, *("none" if name in side else "absent" for side in (before, after))))
    return changes


def flat(value: Any, prefix: str = "") -> dict[str, Any]:  # noqa: ANN401 - nested JSON
    """Return nested fields by their dotted names."""
    if isinstance(value, Mapping):
        return {k: v for key, inner in value.items() for k, v in flat(inner, f"{prefix}{key}.").items()}
    # A list is one field: which of its items moved is not worth a line each.
    return {prefix.rstrip("."): list(value) if isinstance(value, tuple) else value}
