"""From what became of a stage to its page: where reporting meets the store. Knows nothing of Prefect."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from saga_core import reporting
from saga_core.artifacts.cache import mark_used, picture_cache
from saga_core.artifacts.fingerprint import digest, hash_file
from saga_core.artifacts.record import Record
from saga_core.reporting.results import Column
from saga_core.reporting.stage_facts import StageFacts
from saga_core.reporting.stage_page import Listed, Place, own_page, stage_page
from saga_core.telling import tell
from tasks.results import LIBRARIES, columns_of, comparisons_of, estimates_of, human_column
from tasks.session import Outcome, Session

_DRAWN_BY = ("measure_pictures.py", "measure_words.py", "plots.py", "results.py", "stage_pictures.py", "style.py")
# What tells itself what came of it, as the artifact's README.
_OWN_PAGE = ("comparison",)
# What a sentence and a table tell as well.
_NO_PICTURE = ("evaluate_champion", "promotion")
_PNG = (b"\x89PNG\r\n", b"IEND\xaeB`\x82")


def page_of(outcome: Outcome, session: Session) -> str:
    """Return the page of a stage, as Markdown.

    Args:
        outcome: What became of it.
        session: The run.

    Raises:
        SagaError: The store cannot be read.
    """
    record = None
    if outcome.reference is not None:
        record = session.store.find(outcome.reference.stage, outcome.reference.key)
    if record is not None and record.stage in _OWN_PAGE:
        folder = session.store.fetch(session.store.reference(record), only={"README.md"})
        text = (folder / "README.md").read_text(encoding="utf-8")
        return own_page(text, _facts(outcome, session, record), _place(session, record))
    facts = _facts(outcome, session, record)
    if record is None:
        return stage_page(facts, None, None)
    return stage_page(facts, _place(session, record), _picture(session, facts, record))


def _facts(outcome: Outcome, session: Session, record: Record | None) -> StageFacts:
    recipe = session.recipe
    columns, compared = _evaluations(session, record) if record else ((), None)
    return StageFacts(
        stage=outcome.stage,
        state=outcome.state,
        why=outcome.why,
        seconds=record.seconds if record else 0.0,
        headline=record.headline if record else {},
        settings=record.payload["settings"] if record else {},
        judge=LIBRARIES[recipe.judge.kind],
        evaluator=LIBRARIES[recipe.evaluator.kind],
        text=recipe.corpus.title,
        columns=columns,
        comparisons=comparisons_of(compared) if compared else None,
    )


def _evaluations(session: Session, record: Record) -> tuple[tuple[Column, ...], Mapping[str, Any] | None]:
    """Return the columns that a stage's page shows, and the headline that compares them, if one does."""
    if record.stage == "evaluate_base":
        return (Column("Base", estimates_of(record.headline)),), None
    if record.stage == "evaluate_human":
        return (human_column(record.headline),), None
    if record.stage not in ("evaluate", "publish"):
        return (), None
    base = _input(session, record, "evaluate_base")
    final = record if record.stage == "evaluate" else _input(session, record, "evaluate")
    trained = _input(session, record, "dpo")
    if base is None or final is None or trained is None:
        return (), None
    human = _input(session, record, "evaluate_human") if record.stage == "publish" else None
    columns = columns_of(base.headline, final.headline, human.headline if human else None, "sft" in trained.inputs)
    return columns, final.headline


def _input(session: Session, record: Record, name: str) -> Record | None:
    reference = record.inputs[name]
    return session.store.find(reference.stage, reference.key)


def _place(session: Session, record: Record) -> Place:
    storage, prefix = session.store.storage, f"{session.store.folder(record.stage, record.key)}/{record.attempt}"
    files = [Listed(file.path, file.size, storage.url(f"{prefix}/{file.path}")) for file in record.files]
    command = f"saga show {record.stage}/{record.key[:12]} --store {shlex.quote(session.store.uri)}"
    return Place(storage.locate(prefix), files, command)


def _picture(session: Session, facts: StageFacts, record: Record) -> bytes | None:
    """Return a stage's picture, drawn once on this machine; None where it cannot be drawn."""
    if facts.stage in _NO_PICTURE:
        return None
    folder = picture_cache() / _picture_key(facts, record)
    file = folder / "picture.png"
    with suppress(OSError):
        data = file.read_bytes()
        if data.startswith(_PNG[0]) and data.endswith(_PNG[1]):
            mark_used(folder)
            return data
    try:
        data = _draw(session, facts, record)
    except Exception as error:
        # The figures are worth a page without a picture.
        tell(f"  {facts.stage}: no picture: {type(error).__name__}: {error}")
        return None
    # What cannot be kept is drawn again.
    with suppress(OSError):
        _keep(file, data)
    return data


def _picture_key(facts: StageFacts, record: Record) -> str:
    """Name all that a picture depends on: the artifact, the figures of others beside it, and the code that draws."""
    here = Path(reporting.__path__[0])
    code = {name: hash_file(here / name) for name in _DRAWN_BY}
    return digest({"artifact": record.seal, "columns": repr(facts.columns), "text": facts.text, "code": code})


def _draw(session: Session, facts: StageFacts, record: Record) -> bytes:
    # Imported here so that a run that draws nothing does not pay for matplotlib.
    from saga_core.reporting.stage_pictures import draw, file_needed

    needed = file_needed(facts.stage)
    folder = session.store.fetch(session.store.reference(record), only={needed}) if needed else None
    return draw(facts, folder)


def _keep(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with NamedTemporaryFile(dir=file.parent, delete=False) as temporary:
        temporary.write(data)
    os.replace(temporary.name, file)
