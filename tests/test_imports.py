"""Imports run one way, deployments → flows → tasks → saga_core, and planning stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FORBIDDEN = {
    "saga_core": {"prefect", "tasks", "flows", "deployments", "ray", "prefect_ray"},
    "tasks": {"flows", "deployments"},
    "flows": {"deployments", "ray", "prefect_ray"},
    "deployments": {"ray", "prefect_ray"},
}


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


UNPICKLERS = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


def _what_runs_code(source: str) -> set[str]:
    """Return what a file imports or calls that may run code from the data that it reads."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            found |= {name for name in names if name.split(".")[0] in UNPICKLERS}
            found |= {f"{names[0]}.load" for alias in node.names if (names[0], alias.name) == ("torch", "load")}
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            options = {f"{k.arg}={ast.unparse(k.value)}" for k in node.keywords}
            found |= options & {"allow_pickle=True", "trust_remote_code=True", "weights_only=False"}
            if called in ("torch.load", "yaml.unsafe_load", "yaml.full_load", "eval", "exec"):
                found.add(called)
            if called == "yaml.load" and "Loader=_Loader" not in options:
                found.add(called)
    return found


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_nothing_is_unpickled(layer: str) -> None:
    files = {str(f.relative_to(ROOT)): f.read_text(encoding="utf-8") for f in (ROOT / layer).rglob("*.py")}
    assert not {name: found for name, source in files.items() if (found := _what_runs_code(source))}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import joblib as j",
        "from torch import load",
        "torch.load (f)",
        "numpy.load(f, allow_pickle=True)",
        "yaml.load(f, Loader=yaml.Loader)",
        "yaml.unsafe_load(f)",
        "model(x, trust_remote_code=True)",
    ],
)
def test_what_would_unpickle_is_seen(source: str) -> None:
    assert _what_runs_code(source)


def test_the_plan_needs_neither_torch_nor_prefect() -> None:
    code = "import sys, flows.cli; print([m for m in ('torch', 'prefect', 'spacy', 'stanza') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_a_worker_imports_no_library_of_a_stage_before_it_is_to_run() -> None:
    # What a run with everything cached pays for, and what is imported before the first line of any stage.
    heavy = "('torch', 'transformers', 'spacy', 'stanza', 'datasets', 'matplotlib', 'pandas', 'ray', 'prefect_ray')"
    code = f"import sys, flows.align, flows.stage, flows.retrain; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_no_file_is_two_concepts() -> None:
    files = [f for layer in FORBIDDEN for f in (ROOT / layer).rglob("*.py")]
    assert not [f.name for f in files if len(f.read_text(encoding="utf-8").splitlines()) > 400]
