"""Where a stage meets the store: look it up, skip it, or compute and commit it."""

from __future__ import annotations

import dataclasses
import errno
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from saga_core.artifacts.difference import explain_difference
from saga_core.artifacts.events import Events
from saga_core.artifacts.fingerprint import digest
from saga_core.artifacts.holder import Holder
from saga_core.artifacts.lease import Lease, Standing
from saga_core.artifacts.local_storage import storage_failure
from saga_core.artifacts.partial import Partial
from saga_core.artifacts.record import Record, Reference, provenance
from saga_core.artifacts.shards import Shards, Spread
from saga_core.artifacts.store import Store
from saga_core.artifacts.transfer import describe
from saga_core.errors import DamagedArtifactError, LeaseLostError, SagaError, StageError, StoreError
from saga_core.outside import Outside
from saga_core.recipe import Recipe
from saga_core.recipe_file import LoadedRecipe
from saga_core.telling import tell
from tasks.stage import Stage, Work, key_of

State = Literal["cached", "computed", "skipped", "refused", "failed"]

_NEIGHBOURS = 20
_SAY_EVERY_SECONDS = 30.0
_LOOK_EVERY_SECONDS = 5.0


@dataclass(frozen=True)
class Outcome:
    """What became of a stage in a run.

    Attributes:
        stage: Its name.
        state: ``cached``, ``computed``, ``skipped``, ``refused`` (an input is damaged) or ``failed``.
        why: The reason, in words.
        reference: The artifact, or None.
        seconds: Wall-clock seconds spent in this run.
        headline: The artifact's figures in brief.
        damaged: Name of the input that made it refuse, or None.
        kept: Where pieces of an artifact that failed are, and how many, or None.
    """

    stage: str
    state: State
    why: str
    reference: Reference | None = None
    seconds: float = 0.0
    headline: Mapping[str, Any] | None = None
    damaged: str | None = None
    kept: str | None = None


class DamagedInputError(SagaError):
    """An input of a stage is damaged; ``where`` is its name."""


@dataclass(frozen=True)
class Lookup:
    """What the store says of a stage whose inputs are known."""

    payload: dict[str, Any]
    key: str
    record: Record | None
    why: str
    damaged: bool = False


@dataclass(frozen=True)
class Session:
    """One run of one recipe against one store.

    Attributes:
        recipe: The recipe.
        outside: Its pinned outside inputs, by name.
        store: Where artifacts are.
        refresh: Stages that are computed although they are cached.
        run: Name of the run, where it has one.
        distrusted: Stages whose artifact is hashed in full before it is taken, because a file was found damaged.
        asked: How the recipe was asked for, so that another machine can open the same session; None where nobody needs
            to.
    """

    recipe: Recipe
    outside: Mapping[str, Outside]
    store: Store
    refresh: frozenset[str] = frozenset()
    run: str = ""
    distrusted: frozenset[str] = frozenset()
    asked: LoadedRecipe | None = None

    def look_up(self, stage: Stage, inputs: Mapping[str, Reference]) -> Lookup:
        """Ask the store for a stage's artifact; where there is none, say why.

        Args:
            stage: The stage.
            inputs: References of its inputs; a skipped stage's is absent.
        """
        payload = stage.payload(self.recipe, self.outside, inputs)
        lookup = Lookup(payload, key_of(payload), None, "")
        if stage.name in self.refresh:
            return dataclasses.replace(lookup, why="asked for by --refresh")
        found = self._look(stage, lookup)
        if found.record is None and not found.damaged:
            return dataclasses.replace(found, why=self._why_missing(stage, payload))
        return found

    def _look(self, stage: Stage, lookup: Lookup) -> Lookup:
        """Look an artifact up again; where there is none, the reason stays what it was."""
        try:
            found = self.store.look(stage.name, lookup.key)
        except DamagedArtifactError as error:
            what = f"the stored record is damaged: {error.what}"
            return dataclasses.replace(lookup, record=None, why=what, damaged=True)
        if found is None:
            return dataclasses.replace(lookup, record=None, damaged=False)
        record, damage = found
        if damage is None and stage.name in self.distrusted:
            damage = self._damage_inside(record)
        if damage:
            what = f"the stored artifact is damaged: {damage}"
            return dataclasses.replace(lookup, record=None, why=what, damaged=True)
        made = f"made {record.created[:16].replace('T', ' ')} by {record.recipe}"
        return dataclasses.replace(lookup, record=record, why=made, damaged=False)

    def _damage_inside(self, record: Record) -> str | None:
        try:
            self.store.fetch(self.store.reference(record))
        except DamagedArtifactError as error:
            return f"{error.where.rsplit('/', 1)[-1]}: {error.what}"
        return None

    def _why_missing(self, stage: Stage, payload: dict[str, Any]) -> str:
        # In a store that many share, the newest are the likely relatives.
        others = self.store.records(stage.name, newest=_NEIGHBOURS)
        if not others:
            return "never made in this store"
        differences = [explain_difference(payload, other) for other in others]
        # The nearest relative explains best: the one with the fewest differences.
        nearest = min(differences, key=len)
        return ", ".join(nearest[:4]) + (f" and {len(nearest) - 4} more" if len(nearest) > 4 else "")

    def cached(self, lookup: Lookup, record: Record) -> Outcome:
        """Describe an artifact that the store already holds."""
        return Outcome(record.stage, "cached", lookup.why, self.store.reference(record), 0.0, record.headline)

    def compute(
        self,
        stage: Stage,
        lookup: Lookup,
        inputs: Mapping[str, Reference],
        spread: Callable[[int | None], Spread] | None = None,
    ) -> Outcome:
        """Run a stage and commit what it made, or take what another process made meanwhile.

        Args:
            stage: The stage.
            lookup: What the store said of it.
            inputs: References of its inputs.
            spread: Given the number of the lease, or None where there is none, returns what has the stage's rows made
                elsewhere; default: all is made here.

        Raises:
            SagaError: The stage failed; what was stored before stays as it is, and its pieces are kept.
        """
        needed = tuple((reference.stage, reference.key) for reference in inputs.values())
        holder = Holder.this(self.recipe.name, needed, self.run)
        # What is to be made again is no answer.
        before = self._look(stage, lookup).record if stage.name in self.refresh else None
        while True:
            lease, lookup = self._claim(stage, lookup, holder)
            if lookup.record is not None:
                return self.cached(lookup, lookup.record)
            try:
                return self._compute(stage, lookup, inputs, lease, spread)
            except DamagedInputError as error:
                return Outcome(stage.name, "refused", error.what, damaged=error.where)
            except LeaseLostError:
                # Paused for longer than the lease: whoever took over is making it, or has made it.
                _say(stage, "another process took over meanwhile")
                found = self._look(stage, lookup)
                if found.record is not None and found.record != before:
                    return self.cached(found, found.record)

    def _claim(self, stage: Stage, lookup: Lookup, holder: Holder) -> tuple[Lease | None, Lookup]:
        """Wait until the artifact may be made here, or is there."""
        said, refresh = -math.inf, stage.name in self.refresh
        while True:
            # What is to be made again is no answer, unless it was made again, and its writer died before it was told.
            before = self._look(stage, lookup).record if refresh else None
            redo = refresh or lookup.damaged
            claim = self.store.claim(stage.name, lookup.key, holder, redo=redo, present=before)
            if isinstance(claim, Standing):
                if time.monotonic() - said > _SAY_EVERY_SECONDS:
                    said = time.monotonic()
                    _say(stage, f"being made by {claim}; waiting for it")
                time.sleep(min(claim.expires, _LOOK_EVERY_SECONDS, self.store.patience.lease / 4))
            elif not isinstance(claim, Record):
                return self._under(claim, stage, lookup)
            if isinstance(claim, Record) or not refresh:
                lookup = self._look(stage, lookup)
                if lookup.record is not None:
                    return None, lookup

    def _under(self, lease: Lease | None, stage: Stage, lookup: Lookup) -> tuple[Lease | None, Lookup]:
        """Look once more under a lease: it may have been made, or mended, a moment ago."""
        try:
            if stage.name in self.refresh:
                # Who made it was killed before its pieces were removed: they are of what is to be made again.
                self.store.drop_old_pieces(stage.name, lookup.key)
            else:
                lookup = self._look(stage, lookup)
            if lookup.damaged:
                aside = self.store.set_aside(stage.name, lookup.key, lease)
                _say(stage, f"{lookup.why}; its record is kept as {aside}")
        except BaseException:
            if lease is not None:
                lease.stop()
            raise
        if lookup.record is not None and lease is not None:
            lease.release()
        return lease, lookup

    def made(self, stage: Stage, lookup: Lookup, before: Record | None) -> Record | None:
        """Return the record of an artifact that another process was asked to make, or None where it is not there.

        Args:
            stage: The stage.
            lookup: What the store said of it before.
            before: The record that was there before and does not count, because it was to be made again.
        """
        found = self._look(stage, lookup).record
        return None if found == before else found

    def make_shards(
        self, stage: Stage, key: str, inputs: Mapping[str, Reference], names: Sequence[str], lease: int | None
    ) -> int:
        """Make some shards of a stage's rows, for the process that holds the artifact's lease.

        Args:
            stage: A stage that has rows.
            key: Its key.
            inputs: References of its inputs.
            names: Names of the shards; one that is there already is not made again.
            lease: Number of the lease; None where the storage has none.

        Returns:
            How many were made.

        Raises:
            DamagedInputError: An input is damaged.
            LeaseLostError: The holder has ended, or another process has taken over.
        """
        assert stage.rows is not None
        partial = self.store.partial(stage.name, key, lease)
        folders = self._fetch(inputs)
        with _explained(self.store, partial):
            work = Work(self.recipe, self.outside, folders, self._headlines(inputs), Path(), partial.uri, partial)
            shards = Shards(partial, stage.rows(work), self.recipe.runtime.shard_rows)
            there = set(partial.names())
            # A name that is no shard here goes on, and is refused.
            wanted = [name for name in names if name not in there]
            shards.make(wanted)
        return len(wanted)

    def _compute(
        self,
        stage: Stage,
        lookup: Lookup,
        inputs: Mapping[str, Reference],
        lease: Lease | None,
        spread: Callable[[int | None], Spread] | None,
    ) -> Outcome:
        start = time.monotonic()
        partial = self.store.partial(stage.name, lookup.key, lease)
        with _holding(lease, self.store), _explained(self.store, partial):
            folders = self._fetch(inputs)
            headlines, number = self._headlines(inputs), lease.number if lease else None
            spreading = spread(number) if spread else None
            with self.store.attempt(stage.name, lookup.key) as (attempt, out):
                uri = self.store.attempt_uri(stage.name, lookup.key, attempt)
                events = Events(self.store.storage, self.recipe.name, self.store.folder(stage.name, lookup.key))
                work = Work(self.recipe, self.outside, folders, headlines, out, uri, partial, spreading, events)
                headline = stage.compute(work)
                seconds = time.monotonic() - start
                files = describe(out)
                record = Record(
                    stage=stage.name,
                    key=lookup.key,
                    payload=lookup.payload,
                    attempt=attempt,
                    files=files,
                    digest=digest({entry.path: entry.sha256 for entry in files}),
                    inputs=dict(inputs),
                    headline=headline,
                    provenance=provenance(),
                    recipe=self.recipe.name,
                    seconds=round(seconds, 3),
                    created=datetime.now(UTC).isoformat(timespec="seconds"),
                ).sealed()
                record = self.store.commit(record, out, lease, replace=lookup.damaged or stage.name in self.refresh)
            partial.clear()
        return Outcome(stage.name, "computed", lookup.why, self.store.reference(record), seconds, record.headline)

    def _fetch(self, inputs: Mapping[str, Reference]) -> dict[str, Path]:
        folders = {}
        for name, reference in inputs.items():
            try:
                folders[name] = self.store.fetch(reference)
            except DamagedArtifactError as error:
                raise DamagedInputError(f"its input {name} is damaged: {error}", name) from error
        return folders

    def _headlines(self, inputs: Mapping[str, Reference]) -> dict[str, Mapping[str, Any]]:
        return {name: self._headline(reference) for name, reference in inputs.items()}

    def _headline(self, reference: Reference) -> Mapping[str, Any]:
        record = self.store.find(reference.stage, reference.key)
        if record is None:
            raise StageError("an input vanished from the store", reference.uri, "run the same command again")
        return record.headline


def _say(stage: Stage, what: str) -> None:
    tell(f"  {stage.name}: {what}")


@contextmanager
def _holding(lease: Lease | None, store: Store) -> Iterator[None]:
    """End a lease with the work that is done under it."""
    if lease is None:
        yield
        return
    try:
        yield
    except StoreError:
        # A store that is away would be waited for once more; the lease expires by itself.
        lease.stop()
        raise
    except BaseException as error:
        if not isinstance(error, Exception):
            # An interruption: a store that is away must not hold it up.
            store.storage.hurry()
        lease.release()
        raise
    # Nothing to end after a commit; a refusal leaves it to who comes next.
    lease.release()


@contextmanager
def _explained(store: Store, partial: Partial) -> Iterator[None]:
    """Say of a failure which pieces are kept, and of the system's errors what they mean."""
    try:
        yield
    except BaseException as error:
        told: BaseException = error
        if isinstance(error, OSError) and _is_of_the_disk(error, store):
            told = _disk_failure(error, store)
        elif "No space left on device" in str(error):
            # Safetensors tells of a full disk in words alone.
            told = _disk_failure(OSError(errno.ENOSPC, str(error)), store)
        told.__dict__["partial"] = partial
        if told is error:
            raise
        raise told from error


def _is_of_the_disk(error: OSError, store: Store) -> bool:
    """Say whether an error is of a disk that is written to; what a stage cannot read is told as it is."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or str(error.filename).startswith((store.uri, tempfile.gettempdir()))


def _disk_failure(error: OSError, store: Store) -> SagaError:
    """Name the disk: what a stage writes goes to the store's own, or first to a temporary folder."""
    there = store.storage.local("") is not None
    where = str(error.filename or (store.uri if there else tempfile.gettempdir()))
    if there and where.startswith(store.uri):
        return storage_failure(error, where, began=True)
    return storage_failure(error, where, began=True, instead="let TMPDIR name another disk")
