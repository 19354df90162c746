"""Where an artifact comes from: what made it, from what, and what was made from it in turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from saga_core.artifacts.inventory import Address, read_records, take_inventory
from saga_core.artifacts.record import Record, Reference
from saga_core.artifacts.store import Store
from saga_core.errors import DamagedArtifactError


@dataclass(frozen=True)
class Node:
    """An artifact in a lineage.

    Attributes:
        name: What the artifact that was made from it calls it; the first one's is its stage.
        reference: Which artifact.
        record: Its record, or None where there is none any more.
        inputs: What it was made from; none where it stands in the lineage already.
        repeated: Whether it stands there already.
        note: What is to be said of it, or None.
    """

    name: str
    reference: Reference
    record: Record | None
    inputs: tuple[Node, ...] = ()
    repeated: bool = False
    note: str | None = None

    def all(self) -> Iterator[Node]:
        """Yield every artifact of the lineage once, this one first."""
        if not self.repeated:
            yield self
            for node in self.inputs:
                yield from node.all()


def trace(store: Store, record: Record) -> Node:
    """Return an artifact with all that it was made from.

    Raises:
        StoreError: The store cannot be read.
    """
    return _trace(store, record.stage, store.reference(record), set())


def _trace(store: Store, name: str, reference: Reference, seen: set[Address]) -> Node:
    node = _find(store, name, reference)
    address = Address.of(reference)
    if address in seen or node.record is None:
        return replace(node, repeated=address in seen)
    seen.add(address)
    inputs = tuple(_trace(store, name, inner, seen) for name, inner in node.record.inputs.items())
    return replace(node, inputs=inputs)


def _find(store: Store, name: str, reference: Reference) -> Node:
    try:
        record = store.find(reference.stage, reference.key)
    except DamagedArtifactError as error:
        return Node(name, reference, None, note=f"its record is damaged: {error.what}")
    if record is None:
        return Node(name, reference, None, note="no longer in the store")
    note = None if record.digest == reference.digest else "made again since, with another result"
    return Node(name, reference, record, note=note)


def referring(store: Store, record: Record) -> list[Record]:
    """Return the artifacts that were made directly from one, oldest first; unreadable records are passed over.

    Raises:
        StoreError: The store cannot be read.
    """
    address = Address.of(record)
    records, _ = read_records(store, take_inventory(store.storage).folders.values())
    users = [r for r in records.values() if any(Address.of(reference) == address for reference in r.inputs.values())]
    return sorted(users, key=lambda user: user.created)


def size_of(record: Record) -> int:
    """Return the bytes of an artifact's files."""
    return sum(file.size for file in record.files)


def sizes_of_run(store: Store, report: Mapping[str, Any]) -> dict[str, int]:
    """Return the bytes of a run's artifacts by stage, as far as they are in the store."""
    sizes = {}
    for row in report["stages"]:
        if row["key"]:
            try:
                record = store.find(row["stage"], row["key"])
            except DamagedArtifactError:
                continue
            if record is not None:
                sizes[row["stage"]] = size_of(record)
    return sizes
