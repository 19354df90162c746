"""Where the files of a treebank are: here, on S3, on the Hub or on the web; a file, or a folder with UD's parts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import fsspec
import platformdirs

from saga_core.errors import UserError

Part = Literal["train", "dev", "test"]
PARTS: tuple[Part, ...] = ("train", "dev", "test")

_REMEDY = "give a CoNLL-U file, or a folder with one *-train.conllu, and *-dev.conllu and *-test.conllu where there are"


def is_remote(uri: str) -> bool:
    """Say whether a name is a URI and no path."""
    return re.match(r"[a-z][a-z0-9+]*://", uri) is not None


def fetch_treebank(uri: str, where: str) -> Mapping[Part, Path]:
    """Return local copies of a treebank's files; one that is copied already and has not changed is not copied again.

    Args:
        uri: Path or URI, as of ``s3://``, ``hf://datasets/OWNER/NAME/`` and ``https://``, of a file or a folder.
        where: The setting that names it, for an error.

    Returns:
        The files by part; a single file is the part ``train``.

    Raises:
        UserError: Nothing is there, or a folder has no training part or more than one.
    """
    try:
        fs, path = fsspec.url_to_fs(uri)
        # A listing that this process remembers may be older than the file.
        fs.invalidate_cache()
        if path.endswith(".conllu") or fs.isfile(path):
            return {"train": _local(uri)}
        names: list[str] = fs.ls(path, detail=False)
        root = uri.rstrip("/")
        found: dict[Part, Path] = {}
        for part in PARTS:
            files = [name.rsplit("/", 1)[-1] for name in names if name.endswith(f"-{part}.conllu")]
            if len(files) > 1:
                raise UserError(f"{len(files)} files are its {part} part", f"{where} {uri}", _REMEDY)
            if files:
                found[part] = _local(f"{root}/{files[0]}")
    except UserError:
        raise
    except Exception as error:
        # Whatever a store's client or the network raises means one thing to the user.
        reason = " ".join(f"{type(error).__name__} {error}".split())[:160]
        raise UserError(f"the treebank cannot be read ({reason})", f"{where} {uri}", _REMEDY) from error
    if "train" not in found:
        raise UserError("no training part is here", f"{where} {uri}", _REMEDY)
    return found


def _local(uri: str) -> Path:
    if not is_remote(uri):
        path = Path(uri).expanduser()
        if not path.is_file():
            raise FileNotFoundError(uri)
        return path
    cache = Path(platformdirs.user_cache_dir("saga")) / "treebanks"
    return Path(fsspec.open_local(f"filecache::{uri}", filecache={"cache_storage": str(cache), "check_files": True}))
