"""Removing what a plan says may go, unless somebody came to need it meanwhile.

Records go first, whatever was made from an artifact before the artifact. Then the store is looked at once more, and
what is needed after all gets its record back. Files go last. Killed at any moment, this leaves orphans, and never a
record without its files; nor one without what it was made from, unless a run came to need that in the seconds between
the first and the second look, and then its next start makes it again.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from saga_core.artifacts.collection import Item, Kind, Plan, Terms, plan_removal
from saga_core.artifacts.holder import Holder
from saga_core.artifacts.inventory import Address, Folder, is_manifest, take_inventory
from saga_core.artifacts.lease import fence
from saga_core.artifacts.snapshot import Snapshot, held_by, inputs_of, take_snapshot
from saga_core.artifacts.storage import Entry, Storage
from saga_core.artifacts.store import Store
from saga_core.progress import Tick, progress


def remove(store: Store, snapshot: Snapshot, plan: Plan, terms: Terms) -> list[Item]:
    """Remove what a plan names.

    Args:
        store: The store.
        snapshot: What the plan was made from.
        plan: What goes.
        terms: The plan's terms.

    Returns:
        What went; the rest has changed, or is needed now.

    Raises:
        StoreError: The store is away; what was not removed yet is found the next time.
    """
    with progress("removing", len(plan.artifacts) + len(plan.items), "steps") as tick:
        for record in snapshot.unwritten.values():
            # From now on it is an artifact like any other.
            store.finish(record)
        taken = _take_records(store, snapshot, plan, tick)
        fresh = take_snapshot(store, store.capabilities.now(), snapshot)
        for address in taken:
            fresh.restore(address, snapshot)
        again = plan_removal(fresh, terms)
        # What was made from something comes back after it.
        for address in reversed([address for address in taken if address in again.kept]):
            _put_back(store, snapshot, address, taken.pop(address))
        still, gone = set(again.leftovers), []
        busy: set[Address | None] = set()
        for address, item in plan.artifacts.items():
            files = snapshot.inventory.folders[address].attempts.get(snapshot.records[address].attempt, [])
            if address in taken and _is_free(store, address, None):
                store.storage.remove([entry.path for entry in files])
                gone.append(item)
            tick()
        for item in plan.leftovers:
            if item in still and item.address not in busy and _remove_leftover(store, snapshot, item, taken):
                gone.append(item)
            elif item.address is not None:
                # Somebody works there, perhaps with what comes next.
                busy.add(item.address)
            tick()
    return gone


def _take_records(store: Store, snapshot: Snapshot, plan: Plan, tick: Tick) -> dict[Address, bytes]:
    """Remove records, and return their bytes in the order of their removal."""
    taken: dict[Address, bytes] = {}
    spared: set[Address] = set()
    for address in plan.artifacts:
        place = snapshot.inventory.folders[address].record
        folder = _look(store, address)
        if place is None or folder.record != place or address in spared or _is_held(store, folder):
            # It stays, so what it was made from stays.
            spared.update([address, *inputs_of(snapshot.records[address])])
        elif (data := store.storage.read(place.path)) is not None:
            store.storage.remove([place.path])
            taken[address] = data
            # A lease that ended with this record would bring it back.
            _remove_leases(store.storage, folder.leases)
        tick()
    return taken


def _put_back(store: Store, snapshot: Snapshot, address: Address, data: bytes) -> None:
    place = snapshot.inventory.folders[address].record
    if place is None:
        return
    if store.capabilities.conditional_writes:
        store.storage.create(place.path, data)
    elif store.storage.read(place.path) is None:
        store.storage.write(place.path, data)


def _remove_leftover(store: Store, snapshot: Snapshot, item: Item, taken: Container[Address]) -> bool:
    if item.address is not None:
        before = snapshot.inventory.folders.get(item.address)
        record = before.record if before and item.address not in taken else None
        if not _is_free(store, item.address, record):
            return False
    if item.unfinished is not None:
        store.storage.abandon(item.unfinished)
    elif item.kind is Kind.LEASE:
        # Without a fence, a writer that was only paused would commit what is about to be removed. It stays as long as
        # anything else that was written now.
        if not fence(store.storage, str(item.address), item.entries, Holder.this("saga gc")):
            return False
        _remove_leases(store.storage, item.entries)
    else:
        # A piece's manifest first, so that it never looks complete.
        manifests = [entry.path for entry in item.entries if item.kind is Kind.PIECES and is_manifest(entry)]
        store.storage.remove(manifests)
        store.storage.remove([entry.path for entry in item.entries if entry.path not in manifests])
    return True


def _remove_leases(storage: Storage, leases: Sequence[Entry]) -> None:
    """Remove the leases of a key, the last one last: an earlier one's commit must not be taken for the last word."""
    last = max((_stem(entry) for entry in leases), default="")
    storage.remove([entry.path for entry in leases if _stem(entry) != last])
    storage.remove([entry.path for entry in leases if _stem(entry) == last])


def _stem(entry: Entry) -> str:
    return entry.path.rpartition(".")[0]


def _is_free(store: Store, address: Address, record: Entry | None) -> bool:
    """Say whether nobody works on an artifact, and its record is as it was thought to be."""
    folder = _look(store, address)
    return folder.record == record and not _is_held(store, folder)


def _is_held(store: Store, folder: Folder) -> bool:
    return held_by(store, folder, store.capabilities.now()) is not None


def _look(store: Store, address: Address) -> Folder:
    return take_inventory(store.storage, [str(address)]).folders.get(address) or Folder(address)
