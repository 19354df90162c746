"""The record of an artifact: what it is, what made it, and every file in it. Its presence means complete."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from saga_core import __version__
from saga_core.artifacts.fingerprint import digest
from saga_core.artifacts.formats import FORMATS, LARGEST_TEXT
from saga_core.errors import DamagedArtifactError, SagaError

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


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has characters that cannot be printed")
    return text


Line = Annotated[str, AfterValidator(_printable)]
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
        if self.path.endswith(".json") and self.size > LARGEST_TEXT:
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
        piece: Its own path in the store, without the suffix: copied elsewhere, it is no manifest.
        attempt: Folder, beside the manifest, that holds the files.
        files: Every file with digest and size in bytes.
        created: UTC time, ISO 8601.
    """

    piece: str
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
        seal: SHA-256 over everything else in the record: what no other digest covers, such as the headline, is read by
            later stages too.
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
    seal: str = ""

    def sealed(self) -> Record:
        """Return the record with its seal."""
        return self.model_copy(update={"seal": self._seal()})

    def is_sound(self) -> bool:
        """Say whether the seal is that of what the record says."""
        return self.seal == self._seal()

    def _seal(self) -> str:
        return hashlib.sha256(self.model_dump_json(exclude={"seal"}).encode()).hexdigest()


def parse_record(data: bytes, where: str) -> Record:
    """Return the record that some bytes hold.

    Args:
        data: A record as JSON.
        where: Where they were read, for the error.

    Raises:
        DamagedArtifactError: They hold none, or one that contradicts itself.
    """
    try:
        record = Record.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DamagedArtifactError(f"not a record: {place} {first['msg']}", where) from error
    try:
        key = digest(record.payload)
    except SagaError as error:
        # Not a number, or infinite.
        raise DamagedArtifactError(f"not a record: {error}", where) from error
    if key != record.key:
        raise DamagedArtifactError("the record claims another key", where)
    if {name: reference.digest for name, reference in record.inputs.items()} != record.payload.get("inputs", {}):
        raise DamagedArtifactError("the record's inputs are not those of its key", where)
    if digest({entry.path: entry.sha256 for entry in record.files}) != record.digest:
        raise DamagedArtifactError("the record's digest is not that of its files", where)
    if not record.is_sound():
        raise DamagedArtifactError("the record is not as it was written", where)
    return record


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


def parse_manifest(data: bytes, piece: str, where: str) -> Manifest:
    """Return the manifest of a piece that some bytes hold.

    Args:
        data: A manifest as JSON.
        piece: Path of the piece in the store: that of its manifest, without the suffix.
        where: Where they were read, for the error.

    Raises:
        DamagedArtifactError: They hold none, or another piece's.
    """
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        raise DamagedArtifactError("not a manifest", where) from error
    if manifest.piece != piece:
        raise DamagedArtifactError("the manifest is of another piece", where)
    return manifest
