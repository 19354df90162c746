"""The section of the results: every metric of base and aligned model, and of human text where it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from saga_core.evaluation.statistics import Estimate
from saga_core.reporting.html.figures import Line, change_of, line
from saga_core.reporting.html.run_facts import RunFacts
from saga_core.reporting.html.strip import Series
from saga_core.reporting.results import Column, Row, measured

# What a metric is, for a reader who has not met it.
_MEANINGS = {
    "parse_success": "continuations of which every sentence has a verbal root and a subject",
    "parse_score": "parse success times the mean quality of what parses",
    "ppl": "how surprising real text is to the model; lower is better",
    "bits_per_byte": "the same, comparable between tokenizers; lower is better",
    "scala_auroc": "how often it prefers an intact sentence to a damaged one; 0.5 is chance",
    "acceptability_auroc": "the same, on sentences that people have labelled",
    "summ_ps": "summaries that parse",
    "summ_score": "the same, with quality",
    "rc_aps": "answers that parse, true or not",
    "rc_f1": "words shared with the right answer",
    "rc_em": "answers that are right to the letter",
    "mattr": "diversity of words: share of different ones in a window",
}


@dataclass(frozen=True)
class Results:
    """The lines of the section, and whether there is human text to compare with."""

    lines: tuple[Line, ...]
    human: bool


def results(facts: RunFacts) -> Results | None:
    """Return the section, or None before both models are evaluated."""
    if not facts.columns:
        return None
    shown = [*facts.columns, *([facts.human] if facts.human else [])]
    return Results(tuple(_line(row, facts) for row in measured(shown)), facts.human is not None)


def values_of(row: Row, facts: RunFacts) -> Mapping[Series, Estimate]:
    """Return a metric's figures by series; what was not measured is left out."""
    columns: dict[Series, Column | None] = {"base": facts.columns[0], "final": facts.columns[-1], "human": facts.human}
    found = {series: column.values.get(row.metric) for series, column in columns.items() if column}
    return {series: value for series, value in found.items() if isinstance(value, Estimate)}


def _line(row: Row, facts: RunFacts) -> Line:
    change = change_of(row, facts.comparisons.get(row.metric))
    name = row.name(facts.evaluator, facts.text)
    told = line(row, name, _MEANINGS.get(row.metric, ""), values_of(row, facts), change)
    least = facts.detectable.get(row.metric)
    return told if least is None else replace(told, least=row.change(least).removeprefix("+"))
