"""Where a stage meets the store: look it up, skip it, or compute and commit it."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from saga_core.artifacts.fingerprint import digest
from saga_core.artifacts.record import Record, Reference, provenance
from saga_core.artifacts.store import Store, storage_failure
from saga_core.errors import DamagedArtifactError, SagaError, StageError, UserError
from saga_core.outside import Outside, Pinner
from saga_core.recipe import Recipe
from saga_core.recipe_file import LoadedRecipe
from tasks.stage import Stage, Work, explain_difference, key_of

State = Literal["cached", "computed", "skipped", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What became of a stage in a run.

    Attributes:
        stage: Its name.
        state: ``cached``, ``computed``, ``skipped`` or ``failed``.
        why: The reason, in words.
        reference: The artifact, or None.
        seconds: Wall-clock seconds spent in this run.
        headline: The artifact's figures in brief.
    """

    stage: str
    state: State
    why: str
    reference: Reference | None = None
    seconds: float = 0.0
    headline: Mapping[str, Any] | None = None


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
    """One run of one recipe against one store."""

    recipe: Recipe
    outside: Mapping[str, Outside]
    store: Store
    refresh: frozenset[str] = frozenset()

    def look_up(self, stage: Stage, inputs: Mapping[str, Reference]) -> Lookup:
        """Ask the store for a stage's artifact; where there is none, say why.

        Args:
            stage: The stage.
            inputs: References of its inputs; a skipped stage's is absent.
        """
        payload = stage.payload(self.recipe, self.outside, inputs)
        key = key_of(payload)
        if stage.name in self.refresh:
            return Lookup(payload, key, None, "asked for by --refresh")
        try:
            record = self.store.find(stage.name, key)
        except DamagedArtifactError as error:
            return Lookup(payload, key, None, f"the stored record is damaged: {error.what}", damaged=True)
        if record is None:
            return Lookup(payload, key, None, self._why_missing(stage, payload))
        if damage := self.store.damage(record):
            return Lookup(payload, key, None, f"the stored artifact is damaged: {damage}", damaged=True)
        return Lookup(payload, key, record, f"made {record.created[:16].replace('T', ' ')} by {record.recipe}")

    def _why_missing(self, stage: Stage, payload: dict[str, Any]) -> str:
        others = self.store.records(stage.name)
        if not others:
            return "never made in this store"
        differences = [explain_difference(payload, other) for other in others]
        # The nearest relative explains best: the one with the fewest differences.
        nearest = min(differences, key=len)
        return ", ".join(nearest[:4]) + (f" and {len(nearest) - 4} more" if len(nearest) > 4 else "")

    def cached(self, lookup: Lookup, record: Record) -> Outcome:
        """Describe an artifact that the store already holds."""
        return Outcome(record.stage, "cached", lookup.why, self.store.reference(record), 0.0, record.headline)

    def compute(self, stage: Stage, lookup: Lookup, inputs: Mapping[str, Reference]) -> Outcome:
        """Run a stage and commit what it made.

        Raises:
            SagaError: The stage failed; what was stored before stays as it is.
        """
        start = time.monotonic()
        folders = {name: self.store.fetch(reference) for name, reference in inputs.items()}
        headlines = {name: self._headline(reference) for name, reference in inputs.items()}
        try:
            with self.store.attempt(stage.name, lookup.key) as (attempt, out):
                uri = self.store.attempt_uri(stage.name, lookup.key, attempt)
                headline = stage.compute(Work(self.recipe, self.outside, folders, headlines, out, uri))
                seconds = time.monotonic() - start
                files = self.store.describe(out)
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
                )
                record = self._commit(record, out, lookup)
        except SagaError:
            raise
        except OSError as error:
            raise storage_failure(error, error.filename or self.store.uri) from error
        except Exception as error:
            # Safetensors tells of a full disk in words alone.
            if "No space left on device" in str(error):
                raise storage_failure(OSError(errno.ENOSPC, str(error)), self.store.uri) from error
            raise
        return Outcome(stage.name, "computed", lookup.why, self.store.reference(record), seconds, record.headline)

    def _commit(self, record: Record, out: Path, lookup: Lookup) -> Record:
        if lookup.damaged:
            self.store.set_aside(record.stage, record.key)
        return self.store.commit(record, out, replace=record.stage in self.refresh)

    def _headline(self, reference: Reference) -> Mapping[str, Any]:
        record = self.store.find(reference.stage, reference.key)
        if record is None:
            raise StageError("an input vanished from the store", reference.uri, "run the same command again")
        return record.headline


def open_session(loaded: LoadedRecipe, store: str, refresh: frozenset[str] = frozenset()) -> Session:
    """Pin every outside input of a recipe and open its store.

    Raises:
        UserError: An outside input or the store cannot be found.
    """
    recipe, pin = loaded.recipe, Pinner(loaded.folder)
    outside = {
        "model": pin.model(recipe.model),
        "judge": pin.parser(recipe.judge, "judge", recipe.language),
        "evaluator": pin.parser(recipe.evaluator, "evaluator", recipe.language),
        "treebank": pin.file(recipe.evaluation.scala.treebank, "evaluation.scala.treebank"),
        "summaries": pin.task(recipe.evaluation.summaries.source, "evaluation.summaries.source"),
        "reading": pin.task(recipe.evaluation.reading.source, "evaluation.reading.source"),
    }
    _check_lengths(recipe, outside["model"])
    sources = [pin.text(source) for source in recipe.corpus.sources]
    outside |= {f"corpus.{i}": source for i, source in enumerate(sources)}
    outside["corpus"] = Outside({"sources": [source.identity for source in sources]}, "")
    return Session(recipe, outside, Store(store), refresh)


def _check_lengths(recipe: Recipe, model: Outside) -> None:
    """Refuse continuations that leave a local model no room for a prompt, before anything is spent.

    Raises:
        UserError: A number of new tokens is not below the model's context.
    """
    config = Path(model.location) / "config.json"
    context = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else None
    context = context.get("max_position_embeddings") if isinstance(context, dict) else None
    measured = recipe.evaluation
    wanted = {
        "probe.max_new_tokens": recipe.probe.max_new_tokens,
        "generation.max_new_tokens": recipe.generation.max_new_tokens,
        "evaluation.sampling.max_new_tokens": measured.sampling.max_new_tokens,
        "evaluation.summaries.max_new_tokens": measured.summaries.max_new_tokens,
        "evaluation.reading.max_new_tokens": measured.reading.max_new_tokens,
    }
    for name, tokens in wanted.items():
        if isinstance(context, int) and tokens >= context:
            raise UserError(
                f"{tokens} new tokens leave no room for a prompt: the context is {context}", name, "lower it"
            )
