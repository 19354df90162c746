"""A language's champion: the adapter that its users should have, and how it came to be that.

The history of a language is a row of numbered entries, ``champions/LANGUAGE/00000007.json``. They are only ever added;
the entry with the highest number says who is the champion now.
"""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from saga_core.artifacts.record import Line, Reference, Sha256
from saga_core.artifacts.runs import moment
from saga_core.errors import DamagedArtifactError

CHAMPIONS = "champions"

# What is kept for a return: an adapter is small, but all that it was made from is kept with it.
RESTORABLE = 5


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Figure(_Frozen):
    """A figure of an evaluation with its 95% interval, and the number of items that it was computed from."""

    value: float
    low: float
    high: float
    n: int = Field(ge=1)


class Champion(_Frozen):
    """An adapter that is, or was, a language's champion.

    Attributes:
        recipe: Name of the recipe that made it.
        run: Name of its run.
        adapter: SHA-256 of its weights: what tells it from every other adapter.
        uri: Where the published adapter is.
        card: Where its model card is, with how it was compared.
        artifacts: Everything that a later comparison or a user needs; ``saga gc`` keeps it, and what it was made from.
        figures: Its evaluation, by metric.
    """

    recipe: Line
    run: Line
    adapter: Sha256
    uri: Line
    card: Line
    artifacts: tuple[Reference, ...] = Field(min_length=1)
    figures: dict[Line, Figure]

    def artifact(self, stage: str) -> Reference | None:
        """Return the champion's artifact of a stage, or None where it names none."""
        return next((reference for reference in self.artifacts if reference.stage == stage), None)


class Entry(_Frozen):
    """One move of the pointer.

    Attributes:
        number: Its place in the history, from 1.
        language: The language's code.
        move: Why the pointer moved: a comparison was won, or a person went back.
        restores: Number of the entry whose champion came back, 0 for none at all; None for a promotion.
        reasons: Of the move, one line each.
        champion: Who is the champion from now on; None where a person went back to there being none.
        who: User and host that moved it.
        when: UTC, ISO 8601.
    """

    number: int = Field(ge=1)
    language: Line
    move: Literal["promoted", "rolled back"]
    restores: int | None = Field(None, ge=0)
    reasons: tuple[Line, ...] = ()
    champion: Champion | None
    who: Line
    when: Annotated[str, AfterValidator(moment)]

    @model_validator(mode="after")
    def _says_one_thing(self) -> Entry:
        if (self.move == "promoted") != (self.restores is None):
            raise ValueError("a return names the entry that it restores, and a promotion none")
        if (self.champion is None) != (self.restores == 0):
            raise ValueError("only a return to entry 0 leaves no champion")
        if self.restores is not None and self.restores >= self.number:
            raise ValueError("a return leads to an earlier entry")
        return self

    @property
    def title(self) -> str:
        """What happened, in a few words."""
        if self.restores is None:
            return "promoted"
        return f"rolled back to {self.restores}" if self.restores else "rolled back to none"


def parse_entry(data: bytes, path: str, where: str) -> Entry:
    """Return the entry that some bytes hold.

    Args:
        data: An entry as JSON.
        path: Where it lies, relative to the store; copied elsewhere it is no entry.
        where: The same for people, for the error.

    Raises:
        DamagedArtifactError: They hold none, or another place's.
    """
    try:
        entry = Entry.model_validate_json(data)
    except ValidationError as error:
        raise DamagedArtifactError("not a champion", where, "put a copy in its place, or remove it") from error
    if path != path_of(entry.language, entry.number):
        raise DamagedArtifactError("a champion of another place", where, "put a copy in its place, or remove it")
    return entry


def path_of(language: str, number: int) -> str:
    """Return where an entry lies, relative to the store."""
    return f"{CHAMPIONS}/{language}/{number:08d}.json"


def restorable(history: Sequence[Entry]) -> list[Entry]:
    """Return the entries that are kept for a return: those with the newest five adapters, newest first.

    Each adapter's latest entry stands for it; the first one returned is the champion, where there is one.

    Args:
        history: All entries of one language, in order.
    """
    found: dict[str, Entry] = {}
    for entry in reversed(history):
        if entry.champion is not None and len(found) < RESTORABLE:
            found.setdefault(entry.champion.adapter, entry)
    return list(found.values())


def whoever() -> str:
    """Return the user of this process and its host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container's user need not have a name.
        user = f"user {os.getuid()}"
    return f"{user} on {platform.node()}"
