"""Outside inputs of a run: models, data sets and parsers, each pinned to a content digest or a revision.

The pin goes into the keys; where the thing lies on this machine does not.
"""

from __future__ import annotations

import os
import re
import runpy
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import platformdirs

from saga_core.artifacts.fingerprint import hash_tree
from saga_core.confinement import Confinement
from saga_core.corpus.treebank_files import fetch_treebank, is_remote
from saga_core.demo import DEMO
from saga_core.errors import UserError
from saga_core.paths import path_of
from saga_core.recipe import ModelSource, ParserSettings, TaskSource, TextSource

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?", re.ASCII)


@dataclass(frozen=True)
class Outside:
    """A pinned outside input.

    Attributes:
        identity: What the keys hash.
        location: Local path, Hub id or package name to load it from; empty for what is its library alone.
        revision: Hub commit, or None for what is local.
    """

    identity: dict[str, Any]
    location: str
    revision: str | None = None


@dataclass(frozen=True)
class Pinner:
    """Pins outside inputs; relative paths start from ``folder``, then from the working directory.

    Attributes:
        folder: Where relative paths start from.
        confinement: What may be named; None: anything that the user of this process can read.
    """

    folder: Path
    confinement: Confinement | None = None

    def model(self, source: ModelSource) -> Outside:
        """Pin the base model."""
        local = self._local(source.id, "model.id")
        if local is None:
            return _pin_hub(source.id, source.revision, "model", "model.id")
        if not (local / "config.json").is_file():
            raise UserError("no model is here: config.json is missing", f"model.id {local}", "give a model's folder")
        if (local / "adapter_config.json").is_file():
            # Transformers would load the base that it names, which nobody has pinned.
            raise UserError("an adapter is no base model", f"model.id {local}", "give the folder of a merged model")
        return Outside({"sha256": hash_tree(local)}, str(local))

    def text(self, source: TextSource) -> Outside:
        """Pin a source of documents, with the settings that change what is read from it."""
        pin = self._data(source, "corpus.sources")
        reading = {"field": source.field, "limit": source.limit}
        if source.hub:
            reading |= {"config": source.config, "split": source.split}
        return Outside({**pin.identity, **reading}, pin.location, pin.revision)

    def task(self, source: TaskSource, where: str) -> Outside:
        """Pin a source of evaluation items."""
        pin = self._data(source, where)
        return Outside({**pin.identity, **({"split": source.split} if source.hub else {})}, pin.location, pin.revision)

    def parser(self, settings: ParserSettings, where: str, language: str) -> Outside:
        """Pin a parser: its files or its package's version, and the version of the library that runs it."""
        if settings.model is None:
            return _pin_greynir(where, language)
        if settings.kind == "treebank":
            return self.treebank(settings.model, f"{where}.model")
        if settings.kind == "udpipe":
            library = _version("ufal.udpipe", "udpipe", where)
            pinned = self.file(settings.model, f"{where}.model")
            return Outside({"kind": "udpipe", "library": library, **pinned.identity}, pinned.location)
        local = self._local(settings.model, f"{where}.model")
        marks = {"spacy": "meta.json", "stanza": "resources.json"}
        if local is not None and "/" not in settings.model and not (local / marks[settings.kind]).is_file():
            # A folder that only happens to be called like a package or a language is not meant.
            local = None
        identity = {"kind": settings.kind, "library": metadata.version(settings.kind)}
        if settings.kind == "stanza":
            identity["package"] = settings.package
            if local is None:
                return _pin_stanza_resources(settings.model, settings.package, identity, where)
            if not (local / language).is_dir():
                remedy = f"give a Stanza folder that has {language}/ in it"
                raise UserError(f"no Stanza models for {language} are here", f"{where}.model {local}", remedy)
        elif local is None:
            # A pipeline is loaded by importing its package, so no other package may be named.
            if settings.model not in {point.name for point in metadata.entry_points(group="spacy_models")}:
                remedy = f"run: python -m spacy download {settings.model}, or give the folder of a pipeline"
                raise UserError("no such spaCy pipeline is installed", f"{where}.model {settings.model}", remedy)
            return Outside({**identity, "version": metadata.version(settings.model)}, settings.model)
        return Outside({**identity, "sha256": hash_tree(local)}, str(local))

    def judge_text(self, settings: ParserSettings) -> Outside:
        """Pin the text that a judge learns from what is no sentence; nothing, where the recipe names none."""
        if settings.text is None:
            return Outside({}, "")
        pinned = self.file(settings.text, "judge.text")
        # Its rules cut sentences into tokens, whatever parses them.
        return Outside({**pinned.identity, "tokenizer": metadata.version("spacy")}, pinned.location)

    def treebank(self, uri: str, where: str) -> Outside:
        """Pin a treebank that a judge is trained from: its files, and the version of the library that trains."""
        if is_remote(uri):
            if self.confinement is not None:
                self.confinement.check_uri(uri, where)
            location = uri
        else:
            local = self._local(uri, where, must_exist=True)
            location = str(local)
        files = {part: hash_tree(path) for part, path in fetch_treebank(location, where).items()}
        return Outside({"kind": "treebank", "library": metadata.version("spacy"), "files": files}, location)

    def _data(self, source: TextSource | TaskSource, where: str) -> Outside:
        if source.hub is not None:
            return _pin_hub(source.hub, source.revision, "dataset", f"{where}.hub")
        return self.file(source.path or "", f"{where}.path")

    def file(self, path: str, where: str) -> Outside:
        """Pin a local file."""
        local = self._local(path, where, must_exist=True)
        if local is None or not local.is_file():
            raise UserError("no such file", f"{where} {path}", "correct the path")
        return Outside({"sha256": hash_tree(local)}, str(local))

    def _local(self, name: str, where: str, must_exist: bool = False) -> Path | None:
        """Return the path that a name means, or None when it names a package or something on the Hub."""
        if name.startswith("demo:"):
            path = DEMO / path_of(name.removeprefix("demo:"), where)
            # An absolute path, or one with dots, leads elsewhere.
            if not path.resolve().is_relative_to(DEMO.resolve()) or not path.exists():
                known = sorted(f"demo:{p.relative_to(DEMO).as_posix()}" for p in DEMO.glob("*/*") if p.suffix != ".py")
                raise UserError("no such embedded file", f"{where} {name}", f"known: {', '.join(known)}")
            return path
        given = path_of(name, where)
        is_path = must_exist or given.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1
        if self.confinement is not None and is_path:
            # Before anything is looked at: whether it exists is not told either.
            self.confinement.check(name, self.folder / given, where)
        for path in (self.folder / given, Path.cwd() / given):
            if path.exists():
                if self.confinement is not None:
                    self.confinement.check(name, path, where)
                return path.resolve()
        if is_path:
            raise UserError(
                "no such file or folder", f"{where} {name}", f"looked from {self.folder} and from the working directory"
            )
        return None


def _version(package: str, extra: str, where: str) -> str:
    """Return the version of a package that comes with an extra of ours, or refuse where it is not there."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError as error:
        remedy = f"run: pip install 'saga[{extra}]'"
        raise UserError(f"{package} is not installed", f"{where}.kind {extra}", remedy) from error


def _pin_greynir(where: str, language: str) -> Outside:
    if language != "is":
        raise UserError(f"Greynir parses Icelandic, not {language}", f"{where}.kind greynir", "choose another kind")
    _version("Pebble", "greynir", where)
    # The grammar is in the first; lexicon, and what makes words of text, in the others.
    words = {name: _version(name, "greynir", where) for name in ("islenska", "islenska-data", "tokenizer")}
    return Outside({"kind": "greynir", "library": _version("reynir", "greynir", where), **words}, "")


def _pin_stanza_resources(model: str, package: str, identity: dict[str, Any], where: str) -> Outside:
    models = stanza_resources() / model
    if not models.is_dir():
        remedy = f"run: python -c \"import stanza; stanza.download('{model}', package='{package}')\""
        raise UserError("no such Stanza models are installed", f"{where}.model {model}", remedy)
    return Outside({**identity, "sha256": hash_tree(models)}, model)


def stanza_resources() -> Path:
    """Return the folder into which ``stanza.download`` puts models, without importing Stanza and so torch."""
    if named := os.environ.get("STANZA_RESOURCES_DIR"):
        return Path(named)
    # As stanza.resources.common has it; a test compares the two.
    package = find_spec("stanza")
    assert package is not None
    assert package.origin is not None
    version = runpy.run_path(str(Path(package.origin).with_name("_version.py")))["__resources_version__"]
    return Path(platformdirs.user_cache_dir("stanza", "StanfordNLP", version)) / "resources"


def _is_no_dataset(name: str) -> bool:
    """Say whether the library ``datasets`` takes a name for a local folder, or for a format of local files."""
    package = find_spec("datasets")
    places = package.submodule_search_locations if package else None
    return Path(name).exists() or any((Path(place) / "packaged_modules" / name).is_dir() for place in places or ())


@cache
def _pin_hub(name: str, revision: str | None, kind: str, where: str) -> Outside:
    if not _HUB_ID.fullmatch(name):
        raise UserError("neither a folder here nor an id on the Hub", f"{where} {name}", "correct it")
    if kind == "dataset" and _is_no_dataset(name):
        raise UserError("not an id on the Hub, where it would be looked for here", f"{where} {name}", "give its path")
    if revision and _COMMIT.fullmatch(revision):
        return Outside({"hub": name, "revision": revision}, name, revision)
    # Only a recipe that names the Hub pays for importing its client.
    from huggingface_hub import HfApi

    remedy = f"check the id and the network, or set {where.rsplit('.', 1)[0]}.revision to a commit (40 hex digits)"
    try:
        commit = HfApi().repo_info(name, revision=revision, repo_type=kind, timeout=20).sha
    except Exception as error:  # Whatever client or network raises means one thing to the user.
        reason = " ".join(str(error).split())[:160]
        what = f"not a folder here, and the Hub gave no revision ({reason})"
        raise UserError(what, f"{where} {name}", remedy) from error
    return Outside({"hub": name, "revision": commit}, name, commit)
