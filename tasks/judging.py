"""Judges outside a run: trained from a treebank, or loaded to be checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from saga_core.artifacts.record import Record
from saga_core.artifacts.store import Store
from saga_core.outside import Pinner
from saga_core.recipe import JudgeRequest, Recipe
from tasks import judge
from tasks.session import Session

if TYPE_CHECKING:
    from saga_core.judges.protocol import Judge


@dataclass(frozen=True)
class TrainedJudge:
    """A judge that was trained from a treebank.

    Attributes:
        record: Its artifact.
        cached: Whether the store had it already.
        folder: A local copy.
        store: Where it is.
    """

    record: Record
    cached: bool
    folder: Path
    store: Store


def train_judge(request: JudgeRequest, folder: Path, store: str) -> TrainedJudge:
    """Train a judge from a treebank, or take the one that the store has.

    Args:
        request: Of the kind ``treebank``.
        folder: Where a relative path starts from.
        store: Folder or URI of the artifacts.

    Raises:
        SagaError: The treebank cannot be read or is no CoNLL-U, or the training failed.
    """
    pinned = {"judge": Pinner(folder).parser(request.judge, "judge", request.language)}
    # The stage reads no more of a recipe than this.
    session = Session(cast(Recipe, request), pinned, Store(store))
    lookup = session.look_up(judge.STAGE, {})
    if lookup.record is None:
        outcome = session.compute(judge.STAGE, lookup, {})
    else:
        outcome = session.cached(lookup, lookup.record)
    assert outcome.reference is not None
    record = session.store.find(judge.STAGE.name, outcome.reference.key)
    assert record is not None
    return TrainedJudge(record, outcome.state == "cached", session.store.fetch(outcome.reference), session.store)


def open_judge(request: JudgeRequest, folder: Path, store: str) -> Judge:
    """Load a judge, training it first where it is of a treebank and the store has it not.

    Args:
        request: Which.
        folder: Where a relative path starts from.
        store: Folder or URI of the artifacts; used for a judge of a treebank alone.
    """
    from saga_core.judges.protocol import load_judge

    if request.judge.kind == "treebank":
        model = str(train_judge(request, folder, store).folder)
    else:
        model = Pinner(folder).parser(request.judge, "judge", request.language).location
    settings = request.judge.model_copy(update={"model": model})
    return load_judge(settings, request.language, "all_sentences", workers=request.runtime.workers)
