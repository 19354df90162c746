"""The card's finding: sentences about the figures that claim no more than their intervals and tests allow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.reporting.results import ROW, Column, Row, measured, models, p_value

SIGNIFICANCE = 0.05
# An interval of a rate's difference wider than this says little about the size of the effect.
_WIDE = 0.20


def finding(columns: Sequence[Column], comparisons: Mapping[str, Comparison], *, evaluator: str, text: str) -> str:
    """Return the finding in one or two paragraphs: the figures that matter most, then the others.

    Args:
        columns: The base first, this model last, others between them; what is no model is passed over.
        comparisons: Paired comparison, this model minus the base, by metric.
        evaluator: Name of the evaluating parser.
        text: Name of the held-out text of the perplexity.
    """
    columns = models(columns)
    first = [
        *_parse_success(columns, comparisons.get("parse_success"), evaluator),
        *_perplexity(columns, comparisons.get("ppl"), text),
    ]
    second = [*_others(columns, comparisons, evaluator, text), *_beside(columns, evaluator, text)]
    if not comparisons:
        second.append("No paired test was made, so it is not known which of the differences are noise.")
    return "\n\n".join(" ".join(sentences) for sentences in (first, second) if sentences)


def significant(comparison: Comparison) -> bool:
    """Return whether a difference is significant at the 5% level, two-sided; an undefined p is not."""
    return comparison.p < SIGNIFICANCE


def _parse_success(columns: Sequence[Column], comparison: Comparison | None, evaluator: str) -> list[str]:
    row = ROW["parse_success"]
    base, final = columns[0].point(row.metric), columns[-1].point(row.metric)
    if base is None or final is None:
        return []
    course = f"from {row.figure(base)} to {row.figure(final)}"
    move = "rose" if final > base else "fell"
    said = f"Parse success by {evaluator} {move} by {row.change(abs(final - base)).lstrip('+')}, {course}"
    if final == base:
        said = f"Parse success by {evaluator} did not change: {row.figure(final)}"
    if comparison is None:
        return [f"{said}."]
    value = columns[-1].values[row.metric]
    n = f", n = {value.n:,}" if isinstance(value, Estimate) else ""
    sentences = [f"{said} ({_test(row, comparison)}{n})."]
    if not significant(comparison):
        sentences.append(
            "That is not a significant difference at the 5% level: "
            "this run does not show that the adapter changes parse success."
        )
    elif final < base:
        sentences.append("That is significant at the 5% level: the adapter writes fewer texts that parse.")
    else:
        sentences.append("That is significant at the 5% level.")
    if comparison.high - comparison.low > _WIDE:
        width = row.change(comparison.high - comparison.low).lstrip("+")
        sentences.append(f"The interval is {width} wide, so the size of the effect is known only roughly.")
    return sentences


def _perplexity(columns: Sequence[Column], comparison: Comparison | None, text: str) -> list[str]:
    row = ROW["ppl"]
    base, final = columns[0].point(row.metric), columns[-1].point(row.metric)
    if base is None or final is None:
        return []
    verdict = "which is worse" if final > base else "which is better" if final < base else "unchanged"
    if comparison is not None and not significant(comparison):
        verdict = "which is not significantly different"
    said = f"Perplexity ({row.name('', text)}) is {final / base:.2f} times the base's, {verdict}"
    said += f": {row.figure(base)} to {row.figure(final)}"
    return [f"{said} ({_test(row, comparison)})." if comparison else f"{said}."]


def _others(columns: Sequence[Column], comparisons: Mapping[str, Comparison], evaluator: str, text: str) -> list[str]:
    groups: dict[str, list[str]] = {
        "Significantly better": [],
        "Significantly worse": [],
        "Not significantly different": [],
    }
    better, worse, same = groups.values()
    for row in measured(columns):
        comparison = comparisons.get(row.metric)
        if comparison is None or row.metric in ("parse_success", "ppl"):
            continue
        towards = better if (comparison.delta > 0) == row.higher else worse
        into = towards if significant(comparison) else same
        into.append(f"{row.name(evaluator, text)} ({row.change(comparison.delta)})")
    return [f"{verdict}: {', '.join(rows)}." for verdict, rows in groups.items() if rows]


def _beside(columns: Sequence[Column], evaluator: str, text: str) -> list[str]:
    shown = [ROW[metric] for metric in ("parse_success", "ppl", "scala_auroc")]
    sentences = []
    for other in columns[1:-1]:
        against = [
            f"{row.name(evaluator, text)} {row.figure(columns[-1].point(row.metric))}"
            f" against {row.figure(other.point(row.metric))}"
            for row in shown
            if other.point(row.metric) is not None and columns[-1].point(row.metric) is not None
        ]
        if against:
            sentences.append(f"Beside {other.heading}, without a test of the two: {', '.join(against)}.")
    return sentences


def _test(row: Row, comparison: Comparison) -> str:
    interval = row.change_interval(comparison)
    shown = [f"95% interval of the difference {interval}"] if interval else []
    if math.isfinite(comparison.p):
        p = p_value(comparison.p)
        shown += [comparison.test, f"p {p}" if p.startswith("<") else f"p = {p}"]
    return ", ".join(shown) or "no test"
