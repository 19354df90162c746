"""Small graphs of artifacts in a real store, made as a session makes them, of any age."""

import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec

from saga_core.artifacts.champion import Champion, Entry, Figure
from saga_core.artifacts.fingerprint import digest
from saga_core.artifacts.holder import Holder
from saga_core.artifacts.inventory import Address
from saga_core.artifacts.lease import Standing
from saga_core.artifacts.pointer import Pointer
from saga_core.artifacts.record import Record, provenance
from saga_core.artifacts.store import Store
from saga_core.artifacts.transfer import describe

DAY = 86_400.0
# Asking git takes longer than making an artifact.
_MADE = provenance()


def put(
    store: Store,
    stage: str,
    *inputs: Record,
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    outside: Mapping[str, Any] | None = None,
    version: int = 1,
    files: Mapping[str, bytes] | None = None,
    headline: Mapping[str, Any] | None = None,
    packages: Mapping[str, str] | None = None,
    recipe: str = "demo",
    days: float = 0.0,
    leased: bool = False,
    replace: bool = False,
) -> Record:
    """Make an artifact.

    Args:
        store: Where.
        stage: Its stage.
        *inputs: What it is made from, called by their stages.
        seed: Tells its key from others.
        settings: More settings.
        outside: Its outside inputs.
        version: The stage's.
        files: What is in it; by default a file that tells it from others.
        headline: Its figures in brief.
        packages: Versions in place of the real ones.
        recipe: Who made it.
        days: How long ago, by its record as by its files.
        leased: Under a lease, so that one is left behind.
        replace: In place of what is there.
    """
    payload = {
        "stage": stage,
        "version": version,
        "settings": {"seed": seed, **(settings or {})},
        "outside": dict(outside or {}),
        "inputs": {record.stage: record.digest for record in inputs},
    }
    key = digest(payload)
    lease = store.claim(stage, key, Holder.this(recipe, ()), redo=replace) if leased else None
    assert not isinstance(lease, Standing | Record)
    with store.attempt(stage, key) as (attempt, folder):
        for path, content in (files or {"value.json": f'"{stage} {digest(payload)}"'.encode()}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        described = describe(folder)
        record = Record(
            stage=stage,
            key=key,
            payload=payload,
            attempt=attempt,
            files=described,
            digest=digest({file.path: file.sha256 for file in described}),
            inputs={record.stage: store.reference(record) for record in inputs},
            headline=dict(headline or {"n": 1}),
            provenance=_MADE.model_copy(update={"packages": {**_MADE.packages, **(packages or {})}}),
            recipe=recipe,
            seconds=1.0,
            created=(datetime.now(UTC) - timedelta(days=days)).isoformat(),
        ).sealed()
        record = store.commit(record, folder, lease, replace=replace)
    if days:
        set_age(store, store.folder(stage, key), days)
    return record


def chain(store: Store, *stages: str, days: float = 0.0, recipe: str = "demo") -> list[Record]:
    """Make artifacts, each from the one before it."""
    made: list[Record] = []
    for stage in stages:
        made.append(put(store, stage, *made[-1:], days=days, recipe=recipe))
    return made


def set_age(store: Store, below: str, days: float) -> None:
    """Let everything below a folder have been written so long ago."""
    moment = time.time() - days * DAY
    root = store.storage.local(below)
    if root is None:
        files = fsspec.filesystem("memory").store
        for path, file in files.items():
            if f"memory://{path}".startswith(f"{store.uri}/{below}".rstrip("/") + "/"):
                file.created = file.modified = datetime.fromtimestamp(moment, UTC)
    else:
        for file in [root, *root.rglob("*")]:
            os.utime(file, (moment, moment), follow_symlinks=False)


def write_run(
    store: Store, run: str, records: Sequence[Record], *, days: float = 0.0, recipe: str = "demo", **more: object
) -> None:
    """Leave the report of a run that used artifacts, with more fields than these."""
    moment = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="microseconds")
    rows = [
        {"stage": r.stage, "key": r.key, "digest": r.digest, "uri": store.reference(r).uri}
        | {"state": "computed", "seconds": 1.0, "why": "made", "kept": None}
        for r in records
    ]
    report = {"run": run, "recipe": recipe, "store": store.uri, "time": moment, "stages": rows}
    report |= {"metrics": {"base": {}, "final": {}}, "adapter": None, "card": None, **more}
    store.runs.write(run, moment.replace(":", ""), report)
    if days:
        set_age(store, f"runs/{run}", days)


def listing(store: Store) -> list[str]:
    """Return the paths of all files."""
    return [entry.path for entry in store.storage.files("")]


def record_file(store: Store, record: Record) -> Path:
    """Return where a record is on this machine's disk."""
    path = store.storage.local(f"{store.folder(record.stage, record.key)}/record.json")
    assert path is not None
    return path


def address(record: Record) -> Address:
    return Address.of(record)


def champion_of(store: Store, *records: Record, adapter: int = 1, recipe: str = "demo") -> Champion:
    """Return a champion that names artifacts."""
    return Champion(
        recipe=recipe,
        run=f"{recipe}-0123456789",
        adapter=f"{adapter:064x}",
        uri=f"adapter {adapter}",
        card=f"card {adapter}",
        artifacts=tuple(store.reference(record) for record in records),
        figures={"parse_success": Figure(value=0.5, low=0.4, high=0.6, n=10)},
    )


def name_champion(store: Store, language: str, *records: Record, adapter: int = 1) -> Entry:
    """Make artifacts those of a language's champion."""
    pointer = Pointer(store, language)
    entry = pointer.promote(len(pointer.history()), champion_of(store, *records, adapter=adapter), ["it is the best"])
    assert entry is not None
    return entry
