"""What a run that somebody started over a network may name on the machine that runs it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from saga_core import languages
from saga_core.environment import STORE
from saga_core.errors import UserError
from saga_core.paths import path_of
from saga_core.recipe_file import RECIPES, LoadedRecipe, load_recipe, recipe_names

ROOTS = "SAGA_ALLOWED_ROOTS"

_REMOTE = ("s3://", "s3a://")
_HUB = "hf://datasets/"


@dataclass(frozen=True)
class Confinement:
    """The local places that the parameters of a run may name.

    What a recipe or a language that comes with SAGA names itself is its author's choice, and allowed; what a parameter
    names must lie in one of the allowed folders.

    Attributes:
        roots: The allowed folders, with every link followed.
        trusted: Names that the recipe's own file and its language's give.
    """

    roots: tuple[Path, ...] = ()
    trusted: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of_environment(cls) -> Confinement:
        """Return the folders that ``SAGA_ALLOWED_ROOTS`` lists; none where it is not set."""
        listed = os.environ.get(ROOTS, "").split(os.pathsep)
        return cls(tuple(path_of(folder, ROOTS).resolve() for folder in listed if folder))

    def load(self, name: str, overrides: tuple[str, ...]) -> tuple[LoadedRecipe, Confinement]:
        """Load a recipe that a parameter names.

        Returns:
            The recipe, and this with the names that its own file and its language's give, where it comes with SAGA.

        Raises:
            UserError: It is neither one of SAGA's own nor in an allowed folder, or is no valid recipe.
        """
        if name not in recipe_names():
            self.check(name, path_of(name, "recipe"), "recipe")
            return load_recipe(name, overrides), self
        known = str(RECIPES / f"{name}.yaml")
        loaded = load_recipe(known, overrides)
        given = load_recipe(known).recipe.model_dump(mode="json"), languages.get(loaded.recipe.language).defaults()
        return LoadedRecipe(loaded.recipe, loaded.folder, name, overrides), Confinement(
            self.roots, frozenset(text for each in given for text in _texts(each))
        )

    def check(self, name: str, path: Path, where: str) -> None:
        """Refuse a path that a parameter may not name.

        Args:
            name: As it was given.
            path: Where it leads.
            where: The parameter or setting.

        Raises:
            UserError: It lies in no allowed folder; whether anything is there is not told.
        """
        if name in self.trusted:
            return
        resolved = path.resolve()
        if not any(resolved.is_relative_to(root) for root in self.roots):
            remedy = (
                f"name a place in {', '.join(map(str, self.roots))}" if self.roots else f"set {ROOTS} on the workers"
            )
            raise UserError(f"{name} is outside the folders that a parameter may name", where, remedy)

    def check_uri(self, uri: str, where: str) -> None:
        """Refuse a URI that would have the worker read its own disk, or ask a host that only it can reach.

        Raises:
            UserError: It is neither an object store's nor the Hub's.
        """
        if uri not in self.trusted and ("::" in uri or not uri.startswith((*_REMOTE, _HUB))):
            raise UserError(f"{uri} may not be named by a parameter", where, "give s3:// or hf://datasets/…")

    def store(self, uri: str) -> str:
        """Return the store that a parameter names; without a name, that of the worker.

        Raises:
            UserError: It may not be named.
        """
        own = os.environ.get(STORE, "")
        if not uri and not own:
            raise UserError("no store is named", "store", f"give one, or set {STORE} on the workers")
        if not uri or uri == own or uri.startswith(_REMOTE):
            return uri or own
        if "://" in uri or "::" in uri:
            raise UserError(f"{uri} is no place for a store", "store", "give s3://bucket/prefix, or leave it empty")
        if own and "://" not in own and path_of(uri, "store").resolve() == path_of(own, STORE).resolve():
            return own
        self.check(uri, path_of(uri, "store"), "store")
        return uri


def _texts(value: object) -> list[str]:
    """Return every text in a recipe."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in inner for text in _texts(part)]
