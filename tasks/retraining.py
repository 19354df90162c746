"""From a finished run to the champion: who meets whom, what is settled already, and the move of the pointer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from saga_core.artifacts.champion import Champion, Entry, Figure
from saga_core.artifacts.pointer import Pointer
from saga_core.artifacts.record import Record, Reference
from saga_core.errors import DamagedArtifactError, StageError
from saga_core.evaluation.guards import Guards
from tasks import evaluate_champion, promotion
from tasks.pipeline import PIPELINE
from tasks.plan import make_plan, outcomes_of
from tasks.session import Outcome, Session
from tasks.stage import Stage

_WEIGHTS = "adapter_model.safetensors"
_OF_THE_RUN = ("data", "dpo", "evaluate_base", "evaluate", "publish")


@dataclass(frozen=True)
class Contest:
    """A new adapter and the champion that it meets.

    Attributes:
        terms: What is decided by.
        pointer: The language's.
        after: Number of the last entry; the next one follows it, or somebody else was faster.
        adapter: SHA-256 of the new adapter's weights.
        own: The champion's own evaluation, where it is of the same items; empty where there is none.
        adapted: The champion's training and its data, to be measured anew; empty where that is not needed.
    """

    terms: promotion.Terms
    pointer: Pointer
    after: int
    adapter: str
    own: Outcome
    adapted: Mapping[str, Outcome]

    @property
    def is_over(self) -> bool:
        """Whether the new adapter is the champion already."""
        entry = self.terms.champion
        return entry is not None and entry.champion is not None and entry.champion.adapter == self.adapter

    def over(self, what: Literal["kept", "unchanged"]) -> Verdict:
        """Return the verdict where it is over: after a run that came out as before, or without one."""
        entry = self.terms.champion
        why = f"champion {self.after} is this very adapter"
        return Verdict(what, (why, *(entry.reasons if entry else ())), entry)

    @property
    def stage(self) -> Stage:
        """The stage that decides it."""
        return promotion.stage(self.terms)


@dataclass(frozen=True)
class Verdict:
    """What became of a retraining.

    Attributes:
        what: The new adapter was promoted, or the champion kept, or there was nothing to do.
        reasons: One line each, the weightiest first.
        champion: The entry that stands now, or None where there is no champion.
    """

    what: Literal["promoted", "kept", "unchanged"]
    reasons: tuple[str, ...]
    champion: Entry | None

    @property
    def said(self) -> str:
        """The verdict in a few words."""
        kept = "the champion stays" if self.champion and self.champion.champion else "not promoted"
        return {"promoted": "promoted", "kept": kept, "unchanged": "nothing to do"}[self.what]

    @property
    def line(self) -> str:
        """The verdict in one line."""
        return f"{self.said}: {self.reasons[0]}" if self.reasons else self.said

    def as_dict(self) -> dict[str, Any]:
        """Return the verdict as ``--json`` prints it."""
        champion = self.champion.model_dump(mode="json") if self.champion else None
        return {"verdict": self.what, "reasons": list(self.reasons), "champion": champion}


def arrange(session: Session, guards: Guards, made: Mapping[str, Outcome]) -> Contest:
    """Find out whom a run's adapter meets, and on what terms.

    Args:
        session: The run.
        guards: Its conditions.
        made: Outcomes of its stages by name.

    Raises:
        StageError: An artifact of the champion is no longer in the store.
    """
    pointer = Pointer(session.store, session.recipe.language)
    history = pointer.history()
    last = history[-1] if history else None
    entry = last if last and last.champion else None
    adapter = _weights(_record(session, _reference(made, "publish")))
    refusals = _was_champion(history, adapter)
    own, adapted = Outcome("evaluate", "skipped", "there is no champion"), {}
    if entry is not None and entry.champion is not None and entry.champion.adapter != adapter:
        now, before = _reference(made, "evaluate"), _of(entry.champion, "evaluate")
        mine, theirs = _record(session, now), _record(session, before)
        if mine.payload["outside"]["model"] != theirs.payload["outside"]["model"]:
            refusals.append(
                f"champion {entry.number} adapts another base model, whose figures are not comparable: saga rollback "
                f"{session.recipe.language} --to 0 leaves no champion, and the next adapter has to beat its own base"
            )
        elif _measures(mine) == _measures(theirs):
            own = Outcome("evaluate", "cached", "measured on the same items", before, 0.0, theirs.headline)
        else:
            adapted = {name: _given(_of(entry.champion, name)) for name in ("dpo", "data")}
    terms = promotion.Terms(guards, entry, tuple(refusals))
    return Contest(terms, pointer, last.number if last else 0, adapter, own, adapted)


def settled(session: Session, guards: Guards) -> tuple[Verdict, list[Outcome]] | None:
    """Find out that a retraining has nothing to do; nothing is computed or written for that.

    Everything is cached, and the adapter is the champion already, or stands refused by a decision on these very terms.

    Returns:
        The verdict that stands and the outcomes of all stages, or None where there is something to do.
    """
    done = outcomes_of(make_plan(session, PIPELINE), session)
    if done is None:
        return None
    made = {outcome.stage: outcome for outcome in done}
    contest = arrange(session, guards, made)
    if contest.is_over:
        return contest.over("unchanged"), [*done, *_decided(contest, made)]
    if contest.adapted:
        measured = _cached(session, evaluate_champion.STAGE, anew(made, contest))
        if measured is None:
            return None
        made["evaluate_champion"] = measured
    decision = _cached(session, contest.stage, compared(made, contest))
    if decision is None or promotes(decision):
        return None
    return Verdict("unchanged", reasons_of(decision), contest.terms.champion), [*made.values(), decision]


def promotes(decision: Outcome) -> bool:
    """Say whether a decision is for the new adapter."""
    return decision.headline is not None and decision.headline["verdict"] == "promote"


def reasons_of(decision: Outcome) -> tuple[str, ...]:
    """Return the reasons of a decision."""
    return tuple((decision.headline or {})["reasons"])


def anew(made: Mapping[str, Outcome], contest: Contest) -> dict[str, Outcome]:
    """Return the inputs of the champion's evaluation on a run's items."""
    return {"data": made["data"], "champion": contest.adapted["dpo"], "champion_data": contest.adapted["data"]}


def compared(made: Mapping[str, Outcome], contest: Contest) -> dict[str, Outcome]:
    """Return the inputs of the decision; one of the champion's two evaluations is among them, or none."""
    none = Outcome("evaluate_champion", "skipped", "there is nothing to measure anew")
    measured = {"champion": contest.own, "evaluate_champion": made["evaluate_champion"] if contest.adapted else none}
    return {name: made[name] for name in ("evaluate_base", "evaluate", "publish")} | measured


def require_sound(session: Session, contest: Contest) -> None:
    """Hash what is read of the champion: its makers are not in this run, so it cannot be mended here.

    Raises:
        StageError: It is damaged.
    """
    for outcome in (contest.own, *contest.adapted.values()):
        if outcome.reference is None:
            continue
        try:
            session.store.fetch(outcome.reference)
        except DamagedArtifactError as error:
            remedy = f"run the champion's recipe again, which mends it, or: saga rollback {contest.pointer.language}"
            raise StageError(f"the champion's {outcome.stage} is damaged: {error.what}", error.where, remedy) from error


def crown(session: Session, contest: Contest, made: Mapping[str, Outcome], decision: Outcome) -> Entry | None:
    """Move the pointer to the adapter that won.

    Returns:
        The new entry, or None where somebody else moved the pointer since the contest was arranged.
    """
    decided, published = _reference({"promotion": decision}, "promotion"), _reference(made, "publish")
    figures = (made["evaluate"].headline or {})["metrics"]
    champion = Champion(
        recipe=session.recipe.name,
        run=session.run,
        adapter=contest.adapter,
        uri=published.uri,
        card=f"{decided.uri}/README.md",
        artifacts=(*(_reference(made, name) for name in _OF_THE_RUN), decided),
        figures={name: Figure.model_validate(value) for name, value in figures.items()},
    )
    return contest.pointer.promote(contest.after, champion, reasons_of(decision))


def _decided(contest: Contest, made: Mapping[str, Outcome]) -> list[Outcome]:
    """Return the decision by which a run's own artifact became the champion."""
    entry = contest.terms.champion
    if entry is None or entry.champion is None:
        return []
    published, decision = (entry.champion.artifact(name) for name in ("publish", "promotion"))
    ours = decision is not None and published == made["publish"].reference
    return [Outcome("promotion", "cached", f"of entry {entry.number}", decision, 0.0, {})] if ours else []


def _cached(session: Session, stage: Stage, inputs: Mapping[str, Outcome]) -> Outcome | None:
    references = {name: o.reference for name, o in inputs.items() if o.reference is not None}
    lookup = session.look_up(stage, references)
    return session.cached(lookup, lookup.record) if lookup.record else None


def _was_champion(history: Sequence[Entry], adapter: str) -> list[str]:
    """Say that an adapter was the champion once, which it does not become again by being there."""
    promoted = [e.number for e in history if e.move == "promoted" and e.champion and e.champion.adapter == adapter]
    if not promoted:
        return []
    held = max(e.number for e in history if e.champion and e.champion.adapter == adapter)
    after = next((e for e in history if e.number > held), None)
    if after is None:
        return []
    how = "another adapter took its place" if after.move == "promoted" else f"{after.who} {after.title}"
    what = f"this very adapter was champion {promoted[-1]}, until on {after.when[:10]} {how} (entry {after.number})"
    return [f"{what}: saga rollback {after.language} --to {promoted[-1]} brings it back, repetition does not"]


def _measures(record: Record) -> dict[str, Any]:
    """Return what an evaluation's items and figures depend on, but for the adapter."""
    payload = record.payload
    return {name: payload[name] for name in ("version", "settings", "outside")} | {"items": payload["inputs"]["items"]}


def _weights(record: Record) -> str:
    return next(file.sha256 for file in record.files if file.path == _WEIGHTS)


def _reference(made: Mapping[str, Outcome], stage: str) -> Reference:
    reference = made[stage].reference
    if reference is None:
        raise StageError("it has no artifact", stage, "run the same command again")
    return reference


def _of(champion: Champion, stage: str) -> Reference:
    reference = champion.artifact(stage)
    if reference is None:
        raise StageError(f"the champion names no artifact of {stage}", champion.run, "run its recipe again")
    return reference


def _given(reference: Reference) -> Outcome:
    return Outcome(reference.stage, "cached", "of the champion", reference, 0.0, {})


def _record(session: Session, reference: Reference) -> Record:
    record = session.store.find(reference.stage, reference.key)
    if record is None:
        remedy = f"restore it, or: saga rollback {session.recipe.language}"
        raise StageError("an artifact of the champion is no longer in the store", reference.uri, remedy)
    return record
