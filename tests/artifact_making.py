"""Small artifacts made through a real store, in the way a session makes them."""

import time
from datetime import UTC, datetime

from saga_core.artifacts.fingerprint import digest
from saga_core.artifacts.holder import Holder
from saga_core.artifacts.lease import Lease, Standing
from saga_core.artifacts.record import Record, provenance
from saga_core.artifacts.store import Store
from saga_core.artifacts.transfer import describe


def key_of(seed: int) -> str:
    return digest(payload_of(seed))


def payload_of(seed: int) -> dict[str, object]:
    return {"stage": "data", "version": 1, "settings": {"seed": seed}, "outside": {}, "inputs": {}}


def make(store: Store, text: str = "text", *, seed: int = 0, replace: bool = False, leased: bool = True) -> Record:
    """Make an artifact, or wait for who makes it and return theirs.

    Args:
        store: Where.
        text: Its content.
        seed: Tells its key from others.
        replace: Put it in place of one that is there.
        leased: Under a lease; else it is committed at once, as in a store without conditional writes.
    """
    lease = claim(store, seed, redo=replace) if leased else None
    return lease if isinstance(lease, Record) else make_under(store, lease, text, seed=seed, replace=replace)


def make_under(store: Store, lease: Lease | None, text: str, *, seed: int = 0, replace: bool = False) -> Record:
    """Make an artifact under a lease, or in a store without any."""
    key = key_of(seed)
    with store.attempt("data", key) as (attempt, folder):
        (folder / "sub").mkdir()
        (folder / "sub" / "file.txt").write_text(text)
        files = describe(folder)
        record = Record(
            stage="data",
            key=key,
            payload=payload_of(seed),
            attempt=attempt,
            files=files,
            digest=digest({f.path: f.sha256 for f in files}),
            inputs={},
            headline={"n": 1},
            provenance=provenance(),
            recipe="test",
            seconds=1.0,
            created=datetime.now(UTC).isoformat(),
        ).sealed()
        return store.commit(record, folder, lease, replace=replace)


def claim(store: Store, seed: int = 0, *, redo: bool = False) -> Lease | Record | None:
    """Wait for the lease, or for the record of who holds it."""
    while True:
        got = store.claim("data", key_of(seed), Holder.this("test", ()), redo=redo)
        if not isinstance(got, Standing):
            return got
        time.sleep(0.01)
        if not redo and (found := store.look("data", key_of(seed))):
            return found[0]
