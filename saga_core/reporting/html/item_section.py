"""The section of the items: what the models were measured on, and what was left out as the training has seen it."""

from __future__ import annotations

from dataclasses import dataclass

from saga_core.reporting.html.run_facts import RunFacts
from saga_core.reporting.measure_words import TASKS


@dataclass(frozen=True)
class ItemRow:
    """A task: how many items it has, and how many were left out."""

    task: str
    used: str
    left_out: str


def items(facts: RunFacts) -> tuple[ItemRow, ...]:
    """Return the rows of the section, none where the run does not store them; a task without items is left out."""
    seen = facts.items
    return tuple(
        ItemRow(task.label, f"{seen[task.name]:,}", f"{facts.left_out.get(task.name, 0):,}")
        for task in TASKS
        if seen.get(task.name)
    )
