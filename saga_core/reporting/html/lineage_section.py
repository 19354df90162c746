"""The section of the lineage: every artifact of the run, from what it was made, and by which code."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from saga_core.reporting.html.lineage_graph import lineage_graph
from saga_core.reporting.html.run_facts import Made, RunFacts, RunStage

_SHORT = 8


@dataclass(frozen=True)
class LineageRow:
    """A stage: its state, and of its artifact what identifies it, what it was made from, and by which code."""

    stage: str
    state: str
    why: str
    key: str
    digest: str
    created: str
    inputs: str
    code: str
    size: str


@dataclass(frozen=True)
class Lineage:
    """The section: the graph, the rows, and the packages of each set of versions with the stages made by it."""

    graph: Markup
    rows: tuple[LineageRow, ...]
    packages: tuple[tuple[str, str], ...]


def lineage(facts: RunFacts) -> Lineage:
    """Return the section."""
    keys = {each.stage: each.made.key[:_SHORT] if each.made else "" for each in facts.stages}
    inputs = {each.stage: list(each.made.inputs) if each.made else [] for each in facts.stages}
    made = {stage: ", ".join(names) for stage, names in inputs.items() if names}
    title = "What was made from what. " + "; ".join(f"{stage} from {names}" for stage, names in made.items())
    sets: dict[str, list[str]] = {}
    for each in facts.stages:
        if each.made:
            sets.setdefault(_versions(each.made), []).append(each.stage)
    return Lineage(
        lineage_graph(title, keys, inputs),
        tuple(_row(each) for each in facts.stages),
        tuple((", ".join(stages), versions) for versions, stages in sets.items()),
    )


def _row(each: RunStage) -> LineageRow:
    made = each.made
    if made is None:
        return LineageRow(each.stage, each.state, each.why, "–", "–", "–", "–", "–", "–")
    inputs = ", ".join(f"{name} {key[:_SHORT]}" for name, key in made.inputs.items()) or "outside inputs alone"
    code = f"{made.version}, {made.commit[:7] if made.commit else f'saga {made.saga}'}"
    created = made.created[:16].replace("T", " ")
    return LineageRow(
        each.stage,
        each.state,
        each.why,
        made.key[:_SHORT],
        made.digest[:_SHORT],
        created,
        inputs,
        code,
        _size(made.size),
    )


def _versions(made: Made) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in made.packages.items())
    return f"saga {made.saga}, Python {made.python}{f', {packages}' if packages else ''}"


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"
