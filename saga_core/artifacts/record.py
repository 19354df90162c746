"""The record of an artifact: what it is, what made it, and every file in it. Its presence means complete."""

from __future__ import annotations

import platform
import subprocess
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from saga_core import __version__
from saga_core.artifacts.formats import FORMATS, LARGEST_JSON

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

_PACKAGES = ("torch", "transformers", "peft", "trl", "spacy", "stanza", "prefect", "pyarrow", "numpy")


def _inside(path: str) -> str:
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\\" in path or not parts.parts or str(parts) != path:
        raise ValueError(f"{path!r} leaves the artifact's folder")
    if not path.isprintable() or any(part.startswith(".") for part in parts.parts):
        raise ValueError(f"{path!r} is no name for an artifact's file")
    if parts.suffix not in FORMATS:
        raise ValueError(f"{path!r} is none of {', '.join(sorted(FORMATS))}")
    return path


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Attempt = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class Reference(_Frozen):
    """What one stage hands to the next: where an artifact is and what it contains, never the data."""

    stage: str
    key: Sha256
    digest: Sha256
    uri: str


class FileEntry(_Frozen):
    """One file of an artifact."""

    path: Annotated[str, AfterValidator(_inside)]
    sha256: Sha256
    size: int = Field(ge=0)

    @model_validator(mode="after")
    def _of_a_size(self) -> FileEntry:
        if self.path.endswith(".json") and self.size > LARGEST_JSON:
            raise ValueError(f"{self.path!r} would be a JSON file of {self.size:,} bytes")
        return self


class Provenance(_Frozen):
    """Which code, on which machine, with which packages."""

    saga: str
    commit: str | None
    python: str
    host: str
    packages: dict[str, str]


class Manifest(_Frozen):
    """A piece of an unfinished artifact: where its files are, and what they are; written after them.

    Attributes:
        attempt: Folder, beside the manifest, that holds the files.
        files: Every file with digest and size in bytes.
        created: UTC time, ISO 8601.
    """

    attempt: Attempt
    files: tuple[FileEntry, ...]
    created: str


class Record(_Frozen):
    """Everything about one artifact; ``record.json`` is written last.

    Attributes:
        stage: Name of the stage that made it.
        key: SHA-256 of ``payload``: what was asked for.
        payload: Stage, version, settings, outside inputs and input digests; what the key hashes.
        attempt: Folder, beside the record, that holds the files.
        files: Every file with digest and size in bytes.
        digest: SHA-256 over the files' paths and digests: what came out.
        inputs: The artifacts it was made from.
        headline: The result's figures in brief.
        recipe: Name of the recipe in whose run it was made.
        seconds: Wall-clock seconds that the stage took.
        created: UTC time of completion, ISO 8601.
    """

    stage: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    key: Sha256
    payload: dict[str, Any]
    attempt: Attempt
    files: tuple[FileEntry, ...]
    digest: Sha256
    inputs: dict[str, Reference]
    headline: dict[str, Any]
    provenance: Provenance
    recipe: str
    seconds: float
    created: str


def provenance() -> Provenance:
    """Describe the code, machine and packages of this process."""
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return Provenance(
        saga=__version__,
        commit=_git_commit(),
        python=platform.python_version(),
        host=platform.node(),
        packages=packages,
    )


def _git_commit() -> str | None:
    root = Path(__file__).resolve().parents[2]
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        # An installed wheel has no repository: the version says which code it was.
        return None
