"""What is kept on this machine's disk: copies of remote artifacts and treebanks, and pictures."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

# A stage may read an input at its beginning and again at its end.
_LONGEST_STAGE = 7 * 86_400.0


@dataclass(frozen=True)
class Copy:
    """A copy.

    Attributes:
        folder: Where it lies.
        size: Bytes.
    """

    folder: Path
    size: int


def artifact_cache() -> Path:
    """Return this user's folder for copies of artifacts; a shared one could be written by others."""
    return _cache() / "artifacts"


def piece_cache() -> Path:
    """Return this user's folder for copies of the pieces of unfinished artifacts."""
    return _cache() / "partial"


def picture_cache() -> Path:
    """Return this user's folder for pictures that were drawn from artifacts."""
    return _cache() / "pictures"


def treebank_cache() -> Path:
    """Return this user's folder for copies of remote treebanks."""
    return _cache() / "treebanks"


def mark_used(copy: Path) -> None:
    """Note that a copy was used now."""
    # What cannot be noted is copied again some day.
    with suppress(OSError):
        os.utime(copy)


def unused_copies(age: float) -> list[Copy]:
    """Return the copies that were not used for so long.

    Args:
        age: Seconds; what was used in the last week is never among them, because a stage may be at work with it.
    """
    now, age, found = time.time(), max(age, _LONGEST_STAGE), []
    for place in (artifact_cache(), piece_cache(), picture_cache(), treebank_cache()):
        for folder in sorted(place.iterdir()) if place.is_dir() else ():
            # Another process may remove it meanwhile.
            with suppress(FileNotFoundError):
                if now - folder.stat().st_mtime >= age:
                    found.append(Copy(folder, sum(file.lstat().st_size for file in folder.rglob("*"))))
    return found


def remove_copy(copy: Copy) -> None:
    """Remove a copy; whoever uses it in this moment fetches it again."""
    shutil.rmtree(copy.folder, ignore_errors=True)


def _cache() -> Path:
    return Path(platformdirs.user_cache_dir("saga"))
