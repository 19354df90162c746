"""What makes two things the same: canonical JSON and SHA-256.

The encoder raises on whatever it cannot encode faithfully, so a key never silently leaves something out.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from saga_core.errors import SagaError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_CHUNK = 1 << 20


def canonical(value: object) -> str:
    """Encode ``value`` as JSON in one way only: keys sorted, no white space, tuples as lists.

    Args:
        value: Nested dictionaries with string keys, lists, tuples, strings, finite numbers, booleans and None.

    Raises:
        SagaError: ``value`` holds something else.
    """
    return json.dumps(_plain(value, "$"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _plain(value: object, where: str) -> Json:
    if value is None or isinstance(value, bool | str) or type(value) is int:
        return value
    if type(value) is float and math.isfinite(value):
        # -0.0 and 0.0 are one number and must be one key.
        return value + 0.0
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise SagaError(f"the key {wrong[0]!r} is not a string", where)
        return {key: _plain(item, f"{where}.{key}") for key, item in value.items()}
    raise SagaError(f"a {type(value).__name__} has no canonical form: {value!r}", where)


def digest(value: object) -> str:
    """Return the SHA-256 of the canonical encoding of ``value``, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    state = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()


def list_files(folder: Path) -> list[Path]:
    """Return the files below ``folder``, sorted, without hidden ones and byte code."""
    files = (path for path in folder.rglob("*") if path.is_file())
    relative = ((path, path.relative_to(folder)) for path in files)
    kept = [p for p, r in relative if not any(part.startswith((".", "__pycache__")) for part in r.parts)]
    return sorted(kept)


def hash_tree(path: Path) -> str:
    """Return one digest of a file, or of a folder's relative paths and contents."""
    if path.is_file():
        return hash_file(path)
    return digest({file.relative_to(path).as_posix(): hash_file(file) for file in list_files(path)})
