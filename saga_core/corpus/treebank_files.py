"""Where the files of a treebank are: here, on S3, on the Hub or on the web; a file, or a folder with UD's parts."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Literal

import fsspec

from saga_core.artifacts.cache import mark_used, treebank_cache
from saga_core.errors import UserError

Part = Literal["train", "dev", "test"]
PARTS: tuple[Part, ...] = ("train", "dev", "test")

_REMEDY = "give a CoNLL-U file, or a folder with one *-train.conllu, and *-dev.conllu and *-test.conllu where there are"
# Of these nothing tells whether a file has changed, and what is below a folder.
_WEB = ("http://", "https://")


def is_remote(uri: str) -> bool:
    """Say whether a name is a URI and no path."""
    return re.match(r"[a-z][a-z0-9+]*://", uri) is not None


def fetch_treebank(uri: str, where: str) -> Mapping[Part, Path]:
    """Return local copies of a treebank's files; what is copied already and has not changed is not copied again.

    Args:
        uri: Path or URI, as of ``s3://`` and ``hf://datasets/OWNER/NAME/``, of a file or a folder; or ``https://`` of a
            file.
        where: The setting that names it, for an error.

    Returns:
        The files by part; a single file is the part ``train``.

    Raises:
        UserError: Nothing is there, or a folder has no training part or more than one.
    """
    try:
        return _fetch(uri, where)
    except UserError:
        raise
    except Exception as error:
        # Whatever a store's client or the network raises means one thing to the user.
        reason = " ".join(f"{type(error).__name__} {error}".split())[:160]
        raise UserError(f"the treebank cannot be read ({reason})", f"{where} {uri}", _REMEDY) from error


def _fetch(uri: str, where: str) -> Mapping[Part, Path]:
    if "::" in uri:
        raise UserError("a chain of places is no treebank", f"{where} {uri}", _REMEDY)
    if uri.startswith(_WEB) and not uri.endswith(".conllu"):
        raise UserError("on the web a treebank is one .conllu file", f"{where} {uri}", _REMEDY)
    fs, path = fsspec.url_to_fs(uri)
    # A listing that this process remembers may be older than the file.
    fs.invalidate_cache()
    if path.endswith(".conllu") or fs.isfile(path):
        return {"train": _local(fs, path, uri)}
    found: dict[Part, Path] = {}
    names: list[str] = fs.ls(path, detail=False)
    for part in PARTS:
        files = [name for name in names if name.endswith(f"-{part}.conllu")]
        if len(files) > 1:
            raise UserError(f"{len(files)} files are its {part} part", f"{where} {uri}", _REMEDY)
        if files:
            found[part] = _local(fs, files[0], f"{uri.rstrip('/')}/{files[0].rsplit('/', 1)[-1]}")
    if "train" not in found:
        raise UserError("no training part is here", f"{where} {uri}", _REMEDY)
    return found


def _local(fs: Any, path: str, uri: str) -> Path:  # noqa: ANN401 - fsspec has no types
    if not is_remote(uri):
        local = Path(uri).expanduser()
        if not local.is_file():
            raise FileNotFoundError(uri)
        return local
    web = uri.startswith(_WEB)
    name = hashlib.sha256(f"{uri} {'' if web else fs.ukey(path)}".encode()).hexdigest()[:32]
    copy = treebank_cache() / name / uri.rsplit("/", 1)[-1]
    if web or not copy.is_file():
        copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with NamedTemporaryFile(dir=copy.parent, delete=False) as temporary:
            fs.get_file(path, temporary.name)
        # At once, for another process may be reading it.
        os.replace(temporary.name, copy)
    mark_used(copy.parent)
    return copy
