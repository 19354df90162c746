"""Judges outside a run: trained from a treebank and text, or loaded to be checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from saga_core.artifacts.record import Record
from saga_core.artifacts.store import Store
from saga_core.errors import UserError
from saga_core.outside import Pinner
from saga_core.recipe import JudgeRequest, ParserSettings, PassRule, Recipe
from tasks import judge
from tasks.session import Session

if TYPE_CHECKING:
    from saga_core.judges.protocol import Judge
    from saga_core.judges.rules import Unit


@dataclass(frozen=True)
class TrainedJudge:
    """What a judge has learned.

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
    """Have a judge learn what it must, or take what the store has.

    Args:
        request: Of the kind ``treebank``, or with a text.
        folder: Where a relative path starts from.
        store: Folder or URI of the artifacts.

    Raises:
        SagaError: The treebank cannot be read or is no CoNLL-U, or the training failed.
    """
    pin = Pinner(folder)
    pinned = {
        "judge": pin.parser(request.judge, "judge", request.language),
        "judge_text": pin.judge_text(request.judge),
    }
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


def open_judge(request: JudgeRequest, folder: Path, store: str, unit: Unit, pass_rule: PassRule | None) -> Judge:
    """Load a judge, training it first where it has to learn and the store has it not.

    Args:
        request: Which.
        folder: Where a relative path starts from.
        store: Folder or URI of the artifacts; used for a judge that has to learn.
        unit: Whether all sentences of a text are judged or the first alone.
        pass_rule: When a sentence passes; None is ``grammar`` for a judge that has learned what is no sentence.

    Raises:
        UserError: The rule is ``grammar`` and the judge has not learned.
    """
    from saga_core.judges.grammar import GrammarJudge
    from saga_core.judges.grammar_model import load_grammar
    from saga_core.judges.protocol import load_judge

    settings = request.judge
    if pass_rule == "grammar" and not _learns(settings):
        raise UserError(
            "the rule grammar needs a judge that has learned", settings.kind, "give a text, or name a treebank"
        )
    learned = train_judge(request, folder, store).folder if _learns(settings) else None
    location = Pinner(folder).parser(settings, "judge", request.language).location
    model = str(learned) if settings.kind == "treebank" else location
    pinned = settings.model_copy(update={"model": model})
    judge = load_judge(pinned, request.language, unit, workers=request.runtime.workers)
    return judge if learned is None or pass_rule == "saga" else GrammarJudge(judge, load_grammar(learned))


def _learns(settings: ParserSettings) -> bool:
    return settings.kind == "treebank" or settings.text is not None
