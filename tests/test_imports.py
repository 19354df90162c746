"""Imports run one way, flows → tasks → saga_core, and planning stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FORBIDDEN = {"saga_core": {"prefect", "tasks", "flows"}, "tasks": {"flows"}, "flows": set()}


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_imports_run_one_way(layer: str) -> None:
    files = list((ROOT / layer).rglob("*.py"))
    assert files
    wrong = {str(f.relative_to(ROOT)): found for f in files if (found := _imports(f) & FORBIDDEN[layer])}
    assert not wrong


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_nothing_is_unpickled(layer: str) -> None:
    bad = ("torch.load(", "pickle.load", "pickle.loads", "import pickle", "trust_remote_code=True", "joblib.load")
    wrong = [
        (str(f.relative_to(ROOT)), call)
        for f in (ROOT / layer).rglob("*.py")
        for call in bad
        if call in f.read_text(encoding="utf-8")
    ]
    assert not wrong


def test_the_plan_needs_neither_torch_nor_prefect() -> None:
    code = "import sys, flows.cli; print([m for m in ('torch', 'prefect', 'spacy', 'stanza') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_no_file_is_two_concepts() -> None:
    files = [f for layer in FORBIDDEN for f in (ROOT / layer).rglob("*.py")]
    assert not [f.name for f in files if len(f.read_text(encoding="utf-8").splitlines()) > 400]
