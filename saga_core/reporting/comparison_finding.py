"""What an ablation has found, in sentences that claim no more than the corrected tests allow."""

from __future__ import annotations

from collections.abc import Sequence

from saga_core.evaluation.arms import ArmsComparison, Difference
from saga_core.reporting.finding import SIGNIFICANCE
from saga_core.reporting.results import ROW, p_value

# Told with figures, whether they differ or not; the others only where they do.
_ALWAYS = ("parse_success", "ppl", "scala_auroc")


def comparison_finding(comparison: ArmsComparison, evaluator: str, text: str) -> str:
    """Return the finding: what each arm changes against the first, and which model that recommends, if one.

    A difference counts where its p-value after Holm's correction is below 0.05; else it is only not shown.

    Args:
        comparison: What came of the ablation.
        evaluator: Name of the evaluating parser.
        text: Name of the held-out text of the perplexity.
    """
    others = comparison.arms[1:]
    if not others:
        return "All arms are the same model, so there is nothing to compare."
    said = []
    for arm in others:
        rows = [difference for difference in comparison.differences if difference.arm == arm]
        told = [_told(comparison, row, evaluator, text) for row in rows if row.metric in _ALWAYS]
        told += _also(rows, evaluator, text)
        said.append(_verdict(arm, comparison.first, rows))
        said += [f"{_capital('; '.join(told))}."] if told else []
    return " ".join([*said, _recommendation(comparison)])


def notes(comparison: ArmsComparison, evaluator: str, text: str) -> list[str]:
    """Return what a reader must know beside the finding, a line each: same models, metrics left out, seeds."""
    lines = [
        f"{arm} is the same model as {other}: its settings lead to the same adapter, so it is not compared."
        for arm, other in comparison.same.items()
    ]
    lines += [
        f"{ROW[metric].name(evaluator, text) if metric in ROW else metric} is left out: {reason}."
        for metric, reason in comparison.left_out.items()
    ]
    if comparison.seeds == 1:
        lines.append(
            "One training seed an arm: intervals and tests cover other items, not other seeds, which may come out "
            "otherwise; saga ablate --seeds 0,1,2 folds them in."
        )
    else:
        lines.append(
            f"{comparison.seeds} training seeds an arm: its figures are means over them, and intervals and tests cover "
            "the choice of seeds as well as of items. The base is one model."
        )
    return lines


def method(comparison: ArmsComparison) -> str:
    """Return how to read the differences."""
    return (
        f"Δ is less {comparison.first}, with its 95% interval and the two-sided p of a paired test over the same "
        f"items. Holm p is corrected over all {comparison.tests} tests of this page{_twins(comparison)}. Detectable Δ "
        "is the smallest true difference that a test at the 5% level would find here four times out of five, before "
        "that correction: smaller ones would be missed more often than that."
    )


def _twins(comparison: ArmsComparison) -> str:
    fewer = comparison.tests < len(comparison.differences)
    return ", perplexity and bits per byte being one" if fewer else ""


def _counts(difference: Difference) -> bool:
    return difference.holm < SIGNIFICANCE


def _better(difference: Difference) -> bool:
    return (difference.comparison.delta > 0) == ROW[difference.metric].higher


def _split(rows: Sequence[Difference]) -> tuple[bool, bool]:
    """Say whether anything is significantly better, and whether anything is significantly worse."""
    counting = [row for row in rows if _counts(row)]
    return any(map(_better, counting)), not all(map(_better, counting))


def _verdict(arm: str, first: str, rows: Sequence[Difference]) -> str:
    return {
        (False, True): f"{arm} does not improve results over {first}.",
        (True, False): f"{arm} is better than {first} by some figures, and is shown to be worse by none.",
        (True, True): f"{arm} is better than {first} by some figures and worse by others.",
        (False, False): f"{arm} is not shown to differ from {first}.",
    }[_split(rows)]


def _told(comparison: ArmsComparison, difference: Difference, evaluator: str, text: str) -> str:
    row, metric = ROW[difference.metric], difference.metric
    name = "parse success" if metric == "parse_success" else row.name(evaluator, text)
    figures = [row.figure(comparison.figures[title][metric]) for title in (difference.arm, comparison.first)]
    p = p_value(difference.holm)
    shown = f"{' against '.join(figures)}, Holm p {p if p.startswith('<') else f'= {p}'}"
    change = row.change(difference.comparison.delta)
    if not _counts(difference):
        return f"{name} is not shown to differ ({shown})"
    return f"{name} {'improves' if _better(difference) else 'degrades'} ({change}: {shown})"


def _also(rows: Sequence[Difference], evaluator: str, text: str) -> list[str]:
    """Return what else is significantly better, and what is worse."""
    groups: dict[str, list[str]] = {"better": [], "worse": []}
    # Perplexity, where it is there, has said what bits per byte would.
    said = {*_ALWAYS, "bits_per_byte"} if any(row.metric == "ppl" for row in rows) else {*_ALWAYS}
    for difference in rows:
        if _counts(difference) and difference.metric not in said:
            row = ROW[difference.metric]
            told = f"{row.name(evaluator, text)} ({row.change(difference.comparison.delta)})"
            groups["better" if _better(difference) else "worse"].append(told)
    return [f"also {verdict}: {', '.join(told)}" for verdict, told in groups.items() if told]


def _recommendation(comparison: ArmsComparison) -> str:
    first, others = comparison.first, comparison.arms[1:]
    split = {arm: _split([row for row in comparison.differences if row.arm == arm]) for arm in others}
    better = [arm for arm, (gains, _) in split.items() if gains]
    winners = [arm for arm in better if not split[arm][1]]
    if better and winners == better:
        if len(winners) == 1:
            rows = _parse_success(comparison, winners)
            return f"{winners[0]} {_recommended(comparison)}{_risk(rows, [-row.comparison.low for row in rows])}"
        return f"{' and '.join(winners)} improve on {first}; they were not tested against each other."
    if better:
        return "Which to choose depends on which figure matters; the tests do not decide it."
    if all(losses for _, losses in split.values()):
        rows = _parse_success(comparison, others)
        return f"{first} {_recommended(comparison)}{_risk(rows, [row.comparison.high for row in rows])}"
    least = next((row.detectable for row in _parse_success(comparison, others)), None)
    told = "The tests do not show that any arm is better."
    if least is None:
        return told
    missed = ROW["parse_success"].change(least).lstrip("+")
    return f"{told} One of {missed} in parse success would be missed one time in five, a smaller one more often."


def _parse_success(comparison: ArmsComparison, arms: Sequence[str]) -> list[Difference]:
    return [row for row in comparison.differences if row.metric == "parse_success" and row.arm in arms]


def _recommended(comparison: ArmsComparison) -> str:
    """Return what is recommended: of one seed a model, of several the settings."""
    if comparison.seeds == 1:
        return "is the recommended model of these, each of one training seed."
    return f"is the recommended model, over {comparison.seeds} training seeds."


def _risk(rows: Sequence[Difference], losses: Sequence[float]) -> str:
    """Return by how much the parse success of a recommended model may be lower all the same.

    Args:
        rows: Differences in parse success.
        losses: By how much each may be lower, by its interval; one that has no width says nothing of other items.
    """
    unseen = [row.detectable or 0.0 for row in rows if row.comparison.low == row.comparison.high]
    most = max([*losses, *unseen], default=0.0)
    if most <= 0.0:
        return ""
    points = ROW["parse_success"].change(most).lstrip("+")
    return f" That its parse success is lower by up to {points} is not excluded."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
