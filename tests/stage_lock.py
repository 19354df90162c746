"""Which code a stage's VERSION stands for: the syntax trees of everything the stage imports, without comments.

``make lock-stages`` records it. A stage whose code changed while its VERSION did not is refused by a test: raise the
VERSION, or, when its output is provably the same (a renamed variable), record the code again and say so in the commit.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import json
from pathlib import Path

from saga_core import languages

ROOT = Path(__file__).resolve().parents[1]
LOCK = Path(__file__).with_suffix(".json")
LANGUAGES = "saga_core.languages"

# What carries settings, artifacts and messages: a change here shows in the keys themselves or in no artifact.
_CONTRACT = (
    "saga_core.errors",
    "saga_core.recipe",
    "saga_core.artifacts",
    "saga_core.outside",
    "saga_core.progress",
    "saga_core.telling",
    "saga_core.trackers",
    "saga_core.training.tracking",
    "saga_core.watching",
    "tasks.tracking",
)
_FRAME = ("tasks.stage",)


def fingerprint(source: str) -> str:
    """Digest the syntax tree of a module without comments, docstrings and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (
            isinstance(node.body[0] if node.body else None, ast.Expr) and isinstance(node.body[0].value, ast.Constant)
        ):
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]


def stage_code(stage: str) -> dict[str, str]:
    """Return the fingerprint of every module that a stage's file reaches, by name."""
    found: dict[str, str] = {}
    waiting = [f"tasks.{stage}"]
    while waiting:
        name = waiting.pop()
        path = _path(name)
        if name in found or path is None or name.startswith(_CONTRACT) or name in _FRAME:
            continue
        found[name], imported = _module(path)
        waiting += imported
        if name == LANGUAGES:
            # Languages are found by looking into the folder, not by an import that could be read here.
            found |= {f"{name}.{code}": _language(code) for code in languages.codes()}
    return dict(sorted(found.items()))


@functools.cache
def _module(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return the fingerprint of a module and what it imports; stages have most modules in common."""
    source = path.read_text(encoding="utf-8")
    imported: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            imported += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
    return fingerprint(source), tuple(imported)


def _language(code: str) -> str:
    """Digest what stages take from a language; what it gives to a recipe is in the keys themselves."""
    each = languages.get(code)
    texts = (each.name, each.short, each.summary_prompt, each.reading_prompt, each.card_prompt)
    return hashlib.sha256(repr(texts).encode()).hexdigest()[:16]


def differing(locked: dict[str, str], now: dict[str, str]) -> list[str]:
    """Return the modules whose code is not what was recorded; a language that is new changes what no recipe had."""
    names = {name for name in locked.keys() | now.keys() if locked.get(name) != now.get(name)}
    return sorted(name for name in names if name in locked or not name.startswith(f"{LANGUAGES}."))


def _path(name: str) -> Path | None:
    if name.split(".")[0] not in ("saga_core", "tasks"):
        return None
    base = ROOT.joinpath(*name.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


def current() -> dict[str, dict[str, object]]:
    """Return version and code of every stage, as they are now."""
    pipeline = importlib.import_module("tasks.pipeline")
    names = [*(stage.name for stage in pipeline.PIPELINE), *pipeline.RETRAINING, *pipeline.ABLATION]
    versions = {name: importlib.import_module(f"tasks.{name}").VERSION for name in names}
    return {name: {"version": versions[name], "code": stage_code(name)} for name in names}


def main() -> None:
    """Record the stages' code."""
    LOCK.write_text(json.dumps(current(), indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
