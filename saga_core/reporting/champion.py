"""A language's champion in Markdown, for the page of a run."""

from __future__ import annotations

from collections.abc import Sequence

from saga_core.artifacts.champion import Entry
from saga_core.reporting import markdown
from saga_core.reporting.stage_page import block


def champion_page(language: str, verdict: str, reasons: Sequence[str], entry: Entry | None) -> str:
    """Return what became of a retraining, why, and who is the champion now.

    Args:
        language: The language's code.
        verdict: In a few words.
        reasons: One line each.
        entry: The entry that stands, or None.
    """
    parts = [f"# {markdown.escape(language)}: {markdown.escape(verdict)}"]
    parts.append("\n".join(f"- {markdown.escape(reason)}" for reason in reasons))
    if entry is None or entry.champion is None:
        return "\n\n".join([*parts, "There is no champion."])
    champion = entry.champion
    rows = [
        ("number", f"{entry.number}, {entry.title} {entry.when[:16].replace('T', ' ')} by {entry.who}"),
        ("recipe", champion.recipe),
        ("run", champion.run),
    ]
    cells = [(name, markdown.escape(value)) for name, value in rows]
    table = markdown.table(("Champion", ""), cells, numbers=False)
    # No cell is wide enough for an address.
    where = ("Its adapter lies in", block(champion.uri), "Its model card is", block(champion.card))
    return "\n\n".join([*parts, table, *where])
