"""The shape of a stage, and the key that says which artifact is meant. Knows nothing of Prefect or torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saga_core.artifacts.fingerprint import digest
from saga_core.artifacts.record import Record, Reference
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
    """

    recipe: Recipe
    outside: Mapping[str, Outside]
    inputs: Mapping[str, Path]
    headlines: Mapping[str, Mapping[str, Any]]
    out: Path
    uri: str


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
        outside: Names of the outside inputs it reads.
        inputs: Names of the stages whose artifacts it reads.
        consults: Names of stages whose headline decides whether this one is skipped; may depend on the recipe.
        skip: Says why the stage is skipped, given the headlines of ``consults``; None when it is to run.
    """

    name: str
    version: int
    settings: Callable[[Recipe], dict[str, Any]]
    compute: Callable[[Work], dict[str, Any]]
    outside: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    consults: Callable[[Recipe], tuple[str, ...]] = _nobody
    skip: Callable[[Recipe, Mapping[str, Mapping[str, Any]]], str | None] = _never

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
            "outside": {name: outside[name].identity for name in self.outside},
            "inputs": {name: inputs[name].digest for name in self.inputs if name in inputs},
        }


def explain_difference(payload: Mapping[str, Any], other: Record) -> list[str]:
    """Say in which fields, inputs and versions a payload differs from that of a stored artifact."""
    before, after = _flat(other.payload), _flat(payload)
    lines = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        kind, _, rest = name.partition(".")
        if kind == "settings":
            lines.append(f"{rest} {_show(old)} → {_show(new)}")
        elif kind == "inputs":
            lines.append(f"input {rest} changed")
        elif kind == "outside":
            lines.append(f"{rest.split('.')[0]} changed")
        else:
            lines.append(f"{name} {_show(old)} → {_show(new)}")
    return list(dict.fromkeys(lines))


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:  # noqa: ANN401 - nested JSON
    if isinstance(value, Mapping):
        return {k: v for key, inner in value.items() for k, v in _flat(inner, f"{prefix}{key}.").items()}
    # A list is one field: which of its items moved is not worth a line each.
    return {prefix.rstrip("."): list(value) if isinstance(value, tuple) else value}


def _show(value: object) -> str:
    return "none" if value is None else str(value)


def key_of(payload: Mapping[str, Any]) -> str:
    """Return the key of a payload."""
    return digest(payload)
