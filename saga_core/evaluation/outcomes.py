"""The outcome of every item of an evaluation, as objects and as rows of a table.

Figures, intervals and paired tests are computed from these and never kept alone, so two models can be compared long
after, from stored rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from saga_core.errors import StageError
from saga_core.evaluation.acceptability import AcceptabilityOutcome
from saga_core.evaluation.parse import ParseOutcome
from saga_core.evaluation.perplexity import DocumentOutcome
from saga_core.evaluation.reading import ReadingOutcome
from saga_core.evaluation.scala import ScalaOutcome
from saga_core.evaluation.summaries import SummaryOutcome

# Columns of the rows with their Arrow types; a row leaves those of other tasks empty.
ROW_SCHEMA = {
    "task": "string",
    "item_id": "string",
    "text": "string",
    "passed": "bool",
    "quality": "double",
    "mattr": "double",
    "nll": "double",
    "tokens": "int64",
    "bytes": "int64",
    "corruption": "string",
    "good": "double",
    "bad": "double",
    "f1": "double",
    "em": "bool",
    "right": "bool",
    "score": "double",
    "judged": "string",
    "sentences": "string",
}

Outcome = ParseOutcome | DocumentOutcome | ScalaOutcome | SummaryOutcome | ReadingOutcome | AcceptabilityOutcome


@dataclass(frozen=True)
class EvaluationResult:
    """The outcome of every item of every task; a task that the recipe does not have has none."""

    parse: tuple[ParseOutcome, ...]
    perplexity: tuple[DocumentOutcome, ...]
    scala: tuple[ScalaOutcome, ...]
    summaries: tuple[SummaryOutcome, ...]
    reading: tuple[ReadingOutcome, ...]
    acceptability: tuple[AcceptabilityOutcome, ...] = ()

    def to_rows(self) -> list[dict[str, Any]]:
        """Return one row an item, each with all columns of ``ROW_SCHEMA``."""
        return [row_of(task, outcome) for task in _KINDS for outcome in getattr(self, task)]

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> EvaluationResult:
        """Build a result again from its rows.

        Raises:
            StageError: A row is of no known task, or lacks a value that its task needs.
        """
        outcomes: dict[str, list[Any]] = {task: [] for task in _KINDS}
        for number, row in enumerate(rows):
            outcome = outcome_of(row, number)
            outcomes[row["task"]].append(outcome)
        return cls(**{task: tuple(some) for task, some in outcomes.items()})


_KINDS: dict[str, type[Outcome]] = {
    "parse": ParseOutcome,
    "perplexity": DocumentOutcome,
    "scala": ScalaOutcome,
    "summaries": SummaryOutcome,
    "reading": ReadingOutcome,
    "acceptability": AcceptabilityOutcome,
}


def row_of(task: str, outcome: Outcome) -> dict[str, Any]:
    """Return the row of an item's outcome, with all columns of ``ROW_SCHEMA``."""
    values = asdict(outcome)
    values["item_id"] = values.pop("prompt_id", values.get("item_id"))
    return dict.fromkeys(ROW_SCHEMA) | {"task": task} | values


def outcome_of(row: Mapping[str, Any], number: int) -> Any:  # noqa: ANN401 - of the task's kind
    """Return the outcome that a row holds.

    Args:
        row: As ``row_of`` made it.
        number: Of the row, for the error.

    Raises:
        StageError: The row is of no known task, or lacks a value that its task needs.
    """
    where = f"row {number} of the evaluation"
    kind = _KINDS.get(row.get("task", ""))
    if kind is None:
        raise StageError(f"task {row.get('task')!r} is not known", where, "evaluate again")
    values = {**row, "prompt_id": row.get("item_id")}
    wanted: dict[str, Any] = {field.name: values.get(field.name) for field in fields(kind)}
    if lacking := sorted(name for name, value in wanted.items() if value is None):
        raise StageError(f"no value of {', '.join(lacking)}", where, "evaluate again")
    return kind(**wanted)
