"""The shape of a stage, and the key that says which artifact is meant. Knows nothing of Prefect or torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from saga_core.artifacts.events import Events
from saga_core.artifacts.fingerprint import digest
from saga_core.artifacts.partial import Partial
from saga_core.artifacts.record import Reference
from saga_core.artifacts.shards import Rows, Spread
from saga_core.outside import Outside
from saga_core.recipe import Recipe


@dataclass(frozen=True)
class Work:
    """What a stage's ``compute`` is given.

    Attributes:
        recipe: The whole recipe; only the stage's slice may change the result.
        outside: The pinned outside inputs of the run, by name.
        inputs: Local folders of the input artifacts; a skipped stage's is absent.
        headlines: Headline figures of the input artifacts.
        out: Empty folder to write the artifact into.
        uri: Where the artifact will be found once it is committed.
        partial: Pieces of the artifact: shards and checkpoints that are kept while it is being made.
        spread: Has the shards of its rows made elsewhere; None: all are made here.
        events: Where a training's curves are kept for TensorBoard; None: nowhere.
    """

    recipe: Recipe
    outside: Mapping[str, Outside]
    inputs: Mapping[str, Path]
    headlines: Mapping[str, Mapping[str, Any]]
    out: Path
    uri: str
    partial: Partial
    spread: Spread | None = None
    events: Events | None = None


Pool = Literal["cpu", "gpu"]


def _nobody(recipe: Recipe) -> tuple[str, ...]:
    return ()


def _never(recipe: Recipe, seen: Mapping[str, Mapping[str, Any]]) -> str | None:
    return None


@dataclass(frozen=True)
class Stage:
    """One stage of the pipeline: a pure function of its slice of the recipe and its input artifacts.

    Attributes:
        name: Name in keys, reports and the store.
        version: Raised by hand when the stage's behaviour changes; part of the key.
        settings: The slice of the recipe that is the stage's identity.
        compute: Writes the artifact and returns its headline figures.
        outside: Names of the outside inputs it reads, where the recipe has them.
        inputs: Names of the stages whose artifacts it reads.
        consults: Names of stages whose headline decides whether this one is skipped; may depend on the recipe.
        skip: Says why the stage is skipped, given the headlines of ``consults``; None when it is to run.
        pool: Where it is made, when a server has work pools: ``gpu`` for what loads a model to write or to train.
        rows: What it makes in shards that any number of workers can share, or None.
    """

    name: str
    version: int
    settings: Callable[[Recipe], dict[str, Any]]
    compute: Callable[[Work], dict[str, Any]]
    outside: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    consults: Callable[[Recipe], tuple[str, ...]] = _nobody
    skip: Callable[[Recipe, Mapping[str, Mapping[str, Any]]], str | None] = _never
    pool: Pool = "cpu"
    rows: Callable[[Work], Rows[Any]] | None = None

    def payload(
        self, recipe: Recipe, outside: Mapping[str, Outside], inputs: Mapping[str, Reference]
    ) -> dict[str, Any]:
        """Return what the stage's key hashes.

        Args:
            recipe: The recipe.
            outside: All pinned outside inputs of the run.
            inputs: References of the inputs; a skipped stage's is absent.
        """
        return {
            "stage": self.name,
            "version": self.version,
            "settings": self.settings(recipe),
            "outside": {name: outside[name].identity for name in self.outside if name in outside},
            "inputs": {name: inputs[name].digest for name in self.inputs if name in inputs},
        }


def key_of(payload: Mapping[str, Any]) -> str:
    """Return the key of a payload."""
    return digest(payload)
