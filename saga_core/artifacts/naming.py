"""What a user calls an artifact: ``STAGE/KEY``, ``RUN/STAGE``, or the full path or URI of something in its folder."""

from __future__ import annotations

import os
import re

from saga_core.artifacts.record import Record
from saga_core.artifacts.store import KEY_IN_ADDRESS, RECORD, Store
from saga_core.errors import UserError

_SHORTEST = 8
_KEY = re.compile(rf"[0-9a-f]{{{_SHORTEST},64}}")
_STAGE = re.compile(r"[a-z][a-z0-9_]*")
_FORMS = "name it as STAGE/KEY (8 or more characters of the key), RUN/STAGE, or by a path in the store"


def names_artifact(name: str) -> bool:
    """Say whether a name is an artifact's; a run's has no slash."""
    return "/" in name


def find_artifact(store: Store, name: str) -> Record:
    """Return the record of the artifact that a user names.

    Raises:
        UserError: There is none, or more than one.
        DamagedArtifactError: Its record is damaged.
    """
    path = _below(store, name)
    if path is not None:
        return _find_by_path(store, path, name)
    head, _, tail = name.partition("/")
    if _STAGE.fullmatch(head) and _KEY.fullmatch(tail):
        return _find_by_key(store, head, tail)
    for run in store.runs.newest(head):
        for row in run["stages"]:
            if row["stage"] == tail and row["key"]:
                return _record(store, tail, row["key"], name)
    raise UserError("no run has such an artifact", name, _FORMS)


def _below(store: Store, name: str) -> str | None:
    """Return a full path or URI relative to the store, or None where it is neither."""
    name = name.removeprefix("file://")
    if store.storage.local("") is None:
        whole = name
    elif os.path.isabs(os.path.expanduser(name)) or os.path.exists(name):
        whole = os.path.abspath(os.path.expanduser(name))
    else:
        return None
    if "://" not in whole and not os.path.isabs(whole):
        return None
    if not whole.startswith(f"{store.uri}/"):
        raise UserError("not in this store", name, f"the store is {store.uri}; give --store")
    return whole.removeprefix(f"{store.uri}/").rstrip("/")


def _find_by_path(store: Store, path: str, name: str) -> Record:
    parts = path.split("/")
    if len(parts) < 2 or not _KEY.fullmatch(parts[1]):
        raise UserError("no artifact's path", name, _FORMS)
    if len(parts) == 3 and parts[2].startswith(f"{RECORD}."):
        # A record that was put aside.
        aside = store.read_record(path)
        if aside is not None:
            return aside
    record = _record(store, parts[0], parts[1], name)
    if len(parts) > 2 and parts[2] not in (RECORD, record.attempt):
        raise UserError(
            f"not part of the artifact, which is in {record.attempt}", name, "saga gc removes what is left over"
        )
    return record


def _find_by_key(store: Store, stage: str, prefix: str) -> Record:
    short = prefix[:KEY_IN_ADDRESS]
    found = [key for key in store.storage.folders(stage) if key.startswith(short)]
    if not found:
        raise UserError("no such artifact", f"{stage}/{prefix}", f"saga show RUN names a run's, in {store.uri}")
    if len(found) > 1:
        raise UserError("more than one artifact", f"{stage}/{prefix}", f"one of {', '.join(found[:5])}")
    record = _record(store, stage, found[0], f"{stage}/{prefix}")
    if not record.key.startswith(prefix):
        raise UserError("no such artifact", f"{stage}/{prefix}", f"did you mean {stage}/{record.key}?")
    return record


def _record(store: Store, stage: str, key: str, name: str) -> Record:
    record = store.read_record(f"{store.folder(stage, key)}/{RECORD}")
    if record is None:
        pieces = len(store.partial(stage, key, None).names())
        what = f"not finished: {pieces} piece{'' if pieces == 1 else 's'} of it" if pieces else "no longer in the store"
        raise UserError(what, name, "run its recipe again")
    return record
