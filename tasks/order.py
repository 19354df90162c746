"""What one worker asks of another: a stage, or some shards of its rows; it comes back as a reference in the store."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from saga_core.artifacts.record import Record, Reference, Sha256
from saga_core.confinement import Confinement
from saga_core.errors import StageError
from tasks.opening import open_asked
from tasks.pipeline import STAGE_NAMES, stage_named
from tasks.session import DamagedInputError, Lookup, Outcome, Session
from tasks.stage import Stage


class Order(BaseModel):
    """One piece of work for a worker: names and references, never data.

    Attributes:
        stage: Name of the stage.
        key: Its key as the asking worker sees it; one that sees another recipe, model or version refuses.
        recipe: The recipe's name or path.
        overrides: Settings in place of the recipe's.
        store: URI of the artifacts.
        inputs: References of the stage's inputs, by stage.
        refresh: Whether it is made although it is there.
        distrusted: Whether it is hashed in full before it is taken, because a file was found damaged.
        shards: Names of the shards to make; empty: the whole stage, and commit it.
        lease: Number of the lease under which shards are made; None where the storage has none.
        task_run: Prefect task run that waits for this, where the progress is shown; None: nowhere.
        flow_run: The flow run of that task run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str = Field(description="Name of the stage")
    key: Sha256 = Field(description="Key of its artifact")
    recipe: str = Field(description="Name or path of the recipe")
    overrides: tuple[str, ...] = Field((), description="Settings in place of the recipe's, as key=value")
    store: str = Field(description="URI of the artifacts")
    inputs: dict[str, Reference] = Field({}, description="References of the stage's inputs")
    refresh: bool = Field(False, description="Make it although it is there")
    distrusted: bool = Field(False, description="Hash it in full before it is taken")
    shards: tuple[str, ...] = Field((), description="Shards to make; none: the whole stage")
    lease: int | None = Field(None, description="Number of the lease under which shards are made")
    task_run: UUID | None = Field(None, description="Task run that waits for this, where its progress is shown")
    flow_run: UUID | None = Field(None, description="Flow run of that task run")

    @model_validator(mode="after")
    def _of_the_pipeline(self) -> Order:
        # They become paths in the store.
        if unknown := [reference.stage for reference in self.inputs.values() if reference.stage not in STAGE_NAMES]:
            raise ValueError(f"{unknown[0]!r} is no stage that an input can be of")
        return self


def order_for(stage: Stage, session: Session, lookup: Lookup, inputs: dict[str, Reference]) -> Order:
    """Return the order for a whole stage."""
    assert session.asked is not None
    return Order(
        stage=stage.name,
        key=lookup.key,
        recipe=session.asked.name,
        overrides=session.asked.overrides,
        store=session.store.uri,
        inputs=inputs,
        refresh=stage.name in session.refresh,
        distrusted=stage.name in session.distrusted,
    )


def share_out(names: Sequence[str], parts: int) -> list[list[str]]:
    """Deal names of shards out to so many workers, or fewer where there are fewer names; neighbours stay together."""
    parts = min(parts, len(names))
    return [list(names[i * len(names) // parts : (i + 1) * len(names) // parts]) for i in range(parts)]


def carry_out(order: Order, confinement: Confinement | None = None) -> Outcome:
    """Do what an order asks for.

    Args:
        order: The stage or shards.
        confinement: What the order may name on this machine; None: anything.

    Returns:
        What became of the stage; for shards, of them.

    Raises:
        SagaError: The stage failed, or this worker does not see what the asking one saw.
    """
    stage = stage_named(order.stage)
    refresh = frozenset({stage.name}) if order.refresh else frozenset()
    session = open_asked(order.recipe, order.overrides, order.store, refresh, confinement)
    if order.distrusted:
        session = dataclasses.replace(session, distrusted=frozenset({stage.name}))
    lookup = session.look_up(stage, order.inputs)
    if lookup.key != order.key:
        asked = session.store.storage.locate(session.store.folder(stage.name, order.key))
        what = f"this worker would make another artifact than the one asked for, {asked}"
        raise StageError(what, stage.name, "give all workers the same version of SAGA and the same recipes and models")
    if order.shards:
        try:
            made = session.make_shards(stage, order.key, order.inputs, order.shards, order.lease)
        except DamagedInputError as error:
            return Outcome(stage.name, "refused", error.what, damaged=error.where)
        return Outcome(stage.name, "computed", f"{made} of {len(order.shards)} shards made here")
    found: Record | None = lookup.record
    return session.cached(lookup, found) if found else session.compute(stage, lookup, order.inputs)
