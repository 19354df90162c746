"""Reading a recipe: find it, apply ``--set key=value``, validate it, and say in one line what is wrong."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from saga_core import languages
from saga_core.errors import UserError
from saga_core.paths import path_of
from saga_core.recipe import Recipe
from saga_core.yaml_file import read_settings

# Where pydantic speaks of Python.
_PLAIN = {
    "tuple_type": "input should be a list, as [a, b]",
    "model_type": "input should be a group of settings, as {name: value}",
}
RECIPES = Path(__file__).resolve().parents[1] / "deployments" / "recipes"


@dataclass(frozen=True)
class LoadedRecipe:
    """A valid recipe, as it was asked for.

    Attributes:
        recipe: What to make.
        folder: Folder that its relative paths start from.
        name: Name or path by which it was found.
        overrides: Settings in place of the file's.
    """

    recipe: Recipe
    folder: Path
    name: str = ""
    overrides: tuple[str, ...] = ()


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with SAGA."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load_recipe(name: str, overrides: Sequence[str] = ()) -> LoadedRecipe:
    """Load and validate a recipe; what it leaves out and its language has is the language's.

    Args:
        name: A name from ``deployments/recipes`` or the path of a YAML file.
        overrides: Settings as ``key.path=value``; the value is read as YAML. They come after the language's.

    Raises:
        UserError: No such recipe or language, not YAML, an unknown setting, or a value out of bounds.
    """
    path = _find(name)
    data = read_settings(path, "a recipe", "see deployments/recipes for examples")
    for override in overrides:
        # First, for it says whose settings are filled in.
        if override.partition("=")[0] == "language":
            _apply(data, override)
    data = _completed(data)
    for override in overrides:
        _apply(data, override)
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        raise _explain(error, path, overrides) from error
    return LoadedRecipe(recipe, path.resolve().parent, name, tuple(overrides))


def _find(name: str) -> Path:
    given = path_of(name, "recipe")
    if given.is_file():
        return given
    known = RECIPES / f"{name}.yaml"
    if "/" not in name and known.is_file():
        return known
    near = difflib.get_close_matches(name, recipe_names(), n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(recipe_names())}; or give the path of a file"
    raise UserError("no such recipe", name, hint)


def _completed(data: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe's data with the settings of its language that it leaves out, each whole."""
    code = data.get("language")
    # Another thing than a text is no code, as the validation will say.
    defaults = languages.get(code).defaults() if isinstance(code, str) else {}
    for name, value in defaults.items():
        data = _with(data, name.split("."), value)
    return data


def _with(group: Any, names: Sequence[str], value: object) -> Any:  # noqa: ANN401 - whatever the YAML holds
    """Return a group of settings with one that it lacks; what the group has stays, whatever it is."""
    first, *others = names
    if not isinstance(group, dict) or (first in group and not others):
        return group
    return group | {first: _with(group.get(first, {}), others, value) if others else value}


def _apply(data: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not all(key.split(".")):
        raise UserError("not of the form key=value", f"--set {override}", "for example --set dpo.beta=0.2")
    try:
        # YAML 1.1 reads 1e-3 as a string; pydantic turns it into the number the field asks for.
        value = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError("the value is not YAML", f"--set {override}", "quote it") from error
    *parents, last = key.split(".")
    place: Any = data
    for parent in parents:
        place = place.setdefault(parent, {}) if isinstance(place, dict) else _item(place, parent, override)
        if not isinstance(place, dict | list):
            raise UserError(f"{parent} is a value, not a group of settings", f"--set {override}", _nearest(key))
    if isinstance(place, list):
        _item(place, last, override)
        place[int(last)] = value
    else:
        place[last] = value


def _item(place: list[Any], index: str, override: str) -> Any:  # noqa: ANN401 - whatever the YAML holds
    if not (index.isascii() and index.isdecimal()) or int(index) >= len(place):
        raise UserError(f"{index} is no position in a list of {len(place)}", f"--set {override}", "count from 0")
    return place[int(index)]


def _explain(error: ValidationError, path: Path, overrides: Sequence[str]) -> UserError:
    first = next((e for e in error.errors() if e["type"] == "extra_forbidden"), error.errors()[0])
    key = ".".join(str(part) for part in first["loc"])
    asked = {o: f"{o.partition('=')[0]}." for o in overrides}
    given = [o for o, name in asked.items() if f"{key}.".startswith(name) or name.startswith(f"{key}.")]
    where = f"--set {given[-1]}" if given else f"{path}: {key}" if key else str(path)
    if first["type"] == "extra_forbidden":
        return UserError(f"unknown setting {key}", where, _nearest(key))
    if first["type"] == "missing":
        return UserError("this setting is required", where, "add it to the recipe")
    message = _PLAIN.get(first["type"], first["msg"].removeprefix("Value error, "))
    shown = "" if isinstance(first["input"], dict | list) else f", not {first['input']!r}"
    return UserError(message[:1].lower() + message[1:] + shown, where, "correct the value")


def _nearest(key: str) -> str:
    known = setting_names()
    # Digits in a path are positions in a list and not part of a setting's name.
    plain = ".".join(part for part in key.split(".") if not part.isdigit())
    near = difflib.get_close_matches(plain, known, n=1, cutoff=0.5)
    if not near:
        same_last = [k for k in known if k.split(".")[-1] == plain.split(".")[-1]]
        near = same_last or difflib.get_close_matches(plain, known, n=1, cutoff=0.0)
    return f"did you mean {near[0]}?"


def setting_names(model: type[BaseModel] = Recipe, prefix: str = "") -> list[str]:
    """Return the dotted names of all settings, groups included."""
    names = []
    for name, field in model.model_fields.items():
        names.append(prefix + name)
        for inner in _models_in(field.annotation):
            names += setting_names(inner, f"{prefix}{name}.")
    return names


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in typing.get_args(annotation) for model in _models_in(part)]
