"""What came of the stages that measure the judge, the items, human text and the reward's tricks, as Markdown."""

from __future__ import annotations

from typing import Any

from saga_core.evaluation.signs import JUDGED, SIGNS, Sign
from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.reporting.markdown import ABSENT, escape
from saga_core.reporting.results import p_value
from saga_core.reporting.stage_facts import StageFacts
from saga_core.reporting.wording import Cells, kept_together, number, percent, rate

# The tasks of the evaluation: as their counts are named, and as people read them.
TASKS = (
    ("prompts", "Held-out prompts"),
    ("documents", "Held-out documents (left out: lines)"),
    ("scala", "ScaLA pairs"),
    ("summaries", "Documents to summarise"),
    ("reading", "Questions"),
    ("acceptability", "Labelled sentences"),
)


def judge_check(facts: StageFacts) -> str:
    """Return how far the judge tells right sentences from wrong ones."""
    found = {(f["group"], f["name"]): f for f in facts.headline["findings"]}
    scala = next((f for (group, _), f in found.items() if group == "ScaLA"), None)
    ceiling = next((f for (group, _), f in found.items() if group == "ceiling"), None)
    floors = [f for (group, _), f in found.items() if group == "floor"]
    said = []
    if scala:
        said.append(
            f"The judge ({escape(facts.judge)}) tells intact sentences from corrupted ones with an AUROC of "
            f"**{number(scala['value'])}** [{number(scala['low'])}, {number(scala['high'])}]; 0.5 is chance."
        )
    if ceiling:
        said.append(f"Of real sentences **{rate(_estimate(ceiling))}** pass: more is no better grammar.")
    if floors:
        worst = max(floors, key=lambda f: f["value"])
        said.append(f"Of what is no sentence ({escape(worst['name'])}) {rate(_estimate(worst))} pass.")
    return " ".join(said)


def judge_check_table(facts: StageFacts) -> Cells:
    """Return the findings of the check."""
    rows = []
    for f in facts.headline["findings"]:
        shown = rate(_estimate(f)) if f["measure"] == "PS" else _score(_estimate(f))
        rows.append((f"{f['group']}: {f['name']}, {f['measure']}", kept_together(f"{shown}, n = {f['n']:,}")))
    return rows


def items(facts: StageFacts) -> str:
    """Return how many items there are, and what the training has seen of others."""
    seen = facts.headline
    left = sum(seen["left_out"].values())
    said = f"Models are measured on {seen['prompts']:,} prompts, {seen['documents']:,} documents and {seen['scala']:,} "
    said += "ScaLA pairs"
    others = (
        ("summaries", "documents to summarise"),
        ("reading", "questions"),
        ("acceptability", "labelled sentences"),
    )
    more = [f"{seen[name]:,} {word}" for name, word in others if seen[name]]
    said += f", {', '.join(more)}" if more else ""
    if not left:
        return f"{said}. The training text holds none of them, nor a near-duplicate."
    return (
        f"{said}. **{left:,} others were left out**, because the training text holds a sentence of theirs or a "
        "near-duplicate (left\\_out.json names them)."
    )


def items_table(facts: StageFacts) -> Cells:
    """Return the number of items by task, and how many were left out."""
    seen = facts.headline
    return [
        (label, f"{seen[name]:,}, left out {seen['left_out'].get(name, 0):,}") for name, label in TASKS if name in seen
    ]


def evaluate_human(facts: StageFacts) -> str:
    """Return what human text scores."""
    value = facts.columns[0].values["parse_success"]
    assert isinstance(value, Estimate)
    return (
        f"Of what people wrote after the same prompts, cut as a model's text is, **{rate(value)}** parses by "
        f"{escape(facts.evaluator)}. A model that writes like people would score that, and more is no better grammar."
    )


def panel(facts: StageFacts) -> str:
    """Return whether the judge was fooled."""
    gains = {name: Comparison(**value) for name, value in facts.headline["gains"].items()}
    judge, evaluator, ahead = (gains[name] for name in ("judge", "evaluator", "ahead"))
    said = (
        f"By the training's judge parse success changed by {100 * judge.delta:+.1f} points, by "
        f"{escape(facts.evaluator)}, which took no part, by {100 * evaluator.delta:+.1f}: a lead of "
        f"{100 * ahead.delta:+.1f} points [{100 * ahead.low:+.1f}, {100 * ahead.high:+.1f}], p {_p(ahead.p)}."
    )
    alarms = facts.headline["alarms"]
    if not alarms:
        return f"**No alarm.** {said}"
    told = "\n".join(f"- {escape(alarm['said'])}" for alarm in alarms)
    return f"**{len(alarms)} alarm{'s' if len(alarms) > 1 else ''}.** {said}\n\n{told}"


def panel_table(facts: StageFacts) -> Cells:
    """Return every sign: base, aligned model and human text, and the p of the change."""
    rows = []
    for sign in (*JUDGED, *SIGNS):
        figures, change = facts.headline["figures"][sign.name], facts.headline["comparisons"][sign.name]
        shown = ", ".join(f"{model} {_figure(sign, figures[model])}" for model in ("base", "final", "human"))
        rows.append((sign.label, f"{shown}; p {_p(change['p'])}"))
    return rows


def evaluate_champion(facts: StageFacts) -> str:
    """Return on what the champion was measured anew."""
    seen = facts.headline
    return (
        f"The champion was measured on {seen['prompts']:,} prompts and {seen['documents']:,} documents of this run, "
        "those that its own training has not seen."
    )


def evaluate_champion_table(facts: StageFacts) -> Cells:
    """Return the items that the champion was measured on, and those that its training has seen."""
    seen = facts.headline
    return [
        (name.capitalize(), f"{seen[name]:,}, left out {seen[f'{name}_seen_by_the_champion']:,}")
        for name in ("prompts", "documents")
    ]


def promotion(facts: StageFacts) -> str:
    """Return what was decided of the new adapter, and why."""
    promoted = facts.headline["verdict"] == "promote"
    reasons = "\n".join(f"- {escape(reason)}" for reason in facts.headline["reasons"])
    return f"**{'Promoted' if promoted else 'The champion stays'}**:\n\n{reasons}"


def promotion_table(facts: StageFacts) -> Cells:
    """Return every check of the decision."""
    return [
        (escape(name), "passed" if check["passed"] else "not passed")
        for name, check in facts.headline["checks"].items()
    ]


def _figure(sign: Sign, figure: dict[str, Any]) -> str:
    return percent(figure["value"]) if sign.percent else number(figure["value"])


def _p(p: float) -> str:
    shown = p_value(p)
    return ABSENT if shown == ABSENT else escape(shown if shown.startswith("<") else f"= {shown}")


def _score(estimate: Estimate) -> str:
    return f"{number(estimate.value)} [{number(estimate.low)}, {number(estimate.high)}]"


def _estimate(finding: dict[str, Any]) -> Estimate:
    return Estimate(*(finding[name] for name in ("value", "low", "high", "n")))
