"""README's examples are true; those that compute are run in tests/e2e/test_demo.py."""

import re
from pathlib import Path

import readme

from saga_core.recipe_file import load_recipe

ROOT = readme.README.parent


def test_the_recipe_is_valid(tmp_path: Path) -> None:
    (block,) = readme.blocks("yaml")
    path = tmp_path / "my-model.yaml"
    path.write_text(block, encoding="utf-8")
    assert load_recipe(str(path)).recipe.name == "my-model"


def test_the_make_targets_are_there() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = [arguments[0] for arguments in readme.commands("make")]
    assert {"demo", "test"} <= set(named) <= set(targets)


def test_links_and_pictures_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", readme.README.read_text(encoding="utf-8"))
    assert targets
    assert not [t for t in targets if not t.startswith("http") and not (ROOT / t).exists()]
