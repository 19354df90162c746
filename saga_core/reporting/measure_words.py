"""What came of the stages that measure the judge, the items, human text and the reward's tricks, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saga_core.evaluation.signs import JUDGED, SIGNS, Sign
from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.reporting.markdown import ABSENT, escape, table
from saga_core.reporting.results import ROW, p_value
from saga_core.reporting.stage_facts import StageFacts
from saga_core.reporting.wording import SIGN_DECIMALS, kept_together, number, rate


@dataclass(frozen=True)
class Task:
    """A task of the evaluation.

    Attributes:
        name: As its counts are named.
        label: As a row is called.
        many: Its items, within a sentence.
    """

    name: str
    label: str
    many: str


TASKS = (
    Task("prompts", "Held-out prompts", "prompts"),
    Task("documents", "Held-out documents (left out: lines)", "documents"),
    Task("scala", "ScaLA pairs", "ScaLA pairs"),
    Task("summaries", "Documents to summarise", "documents to summarise"),
    Task("reading", "Questions", "questions"),
    Task("acceptability", "Labelled sentences", "labelled sentences"),
)
# Of every recipe; the others only where it asks for them.
_ALWAYS = ("prompts", "documents", "scala")

# The control beside sentences that were ruined.
_INTACT = ("floor", "the same, intact")
# Findings of the judge's check by group and name, as people read them.
_FINDINGS = {
    ("ScaLA", "all"): "ScaLA, all corruptions",
    ("ScaLA", "delete"): "ScaLA, a word deleted",
    ("ScaLA", "flip"): "ScaLA, two neighbours flipped",
    ("labelled", "all"): "Sentences that people have labelled",
    ("ceiling", "real text"): "Real sentences",
    ("floor", "shuffled"): "Words shuffled",
    ("floor", "repeated"): "Words said twice",
    ("floor", "truncated"): "Cut off",
    _INTACT: "The same sentences, intact",
    ("length", "quality"): "Length and quality (0: unrelated)",
}
_MEASURES = {"PS": "pass", "Spearman": "rank correlation"}
_HOLDS = {True: "yes", False: "no"}


def judge_check(facts: StageFacts) -> str:
    """Return how far the judge tells right sentences from wrong ones."""
    found = {(f["group"], f["name"]): f for f in facts.headline["findings"]}
    scala = next((f for (group, _), f in found.items() if group == "ScaLA"), None)
    ceiling = next((f for (group, _), f in found.items() if group == "ceiling"), None)
    intact = found.pop(_INTACT, None)
    ruined = [f for (group, _), f in found.items() if group == "floor"]
    said = []
    if scala:
        said.append(
            f"The judge ({escape(facts.judge)}) tells intact sentences from corrupted ones with an AUROC of "
            f"**{number(scala['value'])}** [{number(scala['low'])}, {number(scala['high'])}]; 0.5 is chance."
        )
    if ceiling:
        said.append(f"Of real sentences **{rate(_estimate(ceiling))}** pass: more is no better grammar.")
    if ruined:
        worst = max(ruined, key=lambda f: f["value"])
        how = escape(finding_label(worst).lower())
        beside = f"; of the same, intact, {rate(_estimate(intact))}" if intact else ""
        said.append(
            f"Of sentences ruined on purpose up to **{rate(_estimate(worst))}** pass all the same ({how}){beside}."
        )
    return " ".join(said)


def finding_label(finding: Mapping[str, Any]) -> str:
    """Return what a finding of the judge's check is about, as people read it."""
    group, name = finding["group"], finding["name"]
    return _FINDINGS.get((group, name)) or f"{group[:1].upper()}{group[1:]}, {name}"


def judge_check_table(facts: StageFacts) -> str:
    """Return the findings of the check."""
    rows = []
    for f in facts.headline["findings"]:
        shown = rate(_estimate(f)) if f["measure"] == "PS" else _score(_estimate(f))
        measure = escape(_MEASURES.get(f["measure"], f["measure"]))
        rows.append((escape(finding_label(f)), measure, kept_together(shown), f"{f['n']:,}"))
    return table(("What is judged", "Measure", "Figure", "n"), rows)


def items(facts: StageFacts) -> str:
    """Return how many items there are, and what the training has seen of others."""
    seen = facts.headline
    left = sum(seen["left_out"].values())
    *first, last = (f"{seen[task.name]:,} {task.many}" for task in TASKS if seen[task.name] or task.name in _ALWAYS)
    said = f"Models are measured on {', '.join(first)} and {last}"
    if not left:
        return f"{said}. The training text holds none of them, nor a near-duplicate."
    return (
        f"{said}. **{left:,} others were left out**, because the training text holds a sentence of theirs or a "
        "near-duplicate (left\\_out.json names them)."
    )


def tasks_of(headline: Mapping[str, Any]) -> list[tuple[Task, int, int]]:
    """Return the tasks that have items: how many are measured on, and how many were left out."""
    counted = [(task, headline[task.name], headline["left_out"].get(task.name, 0)) for task in TASKS]
    return [(task, kept, left) for task, kept, left in counted if kept or left]


def items_table(facts: StageFacts) -> str:
    """Return the number of items by task, and how many were left out."""
    rows = [(task.label, f"{kept:,}", f"{left:,}") for task, kept, left in tasks_of(facts.headline)]
    return table(("Task", "Measured on", "Left out"), rows)


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
        f"{escape(facts.evaluator)}, which took no part, by {100 * evaluator.delta:+.1f}: the lead of the judge's gain "
        f"is {100 * ahead.delta:+.1f} points [{100 * ahead.low:+.1f}, {100 * ahead.high:+.1f}], p {_p(ahead.p)}."
    )
    alarms = facts.headline["alarms"]
    if not alarms:
        return (
            f"**No alarm.** {said} No sign is significantly worse than the base's, corrected for all "
            f"{len(SIGNS)}, and worse than human text's as well."
        )
    told = "\n".join(f"- {escape(alarm['said'])}" for alarm in alarms)
    return f"**{len(alarms)} alarm{'s' if len(alarms) > 1 else ''}.** {said}\n\n{told}"


def panel_table(facts: StageFacts) -> str:
    """Return every sign: base, aligned model and human text, and the p of the change."""
    rows = []
    for sign in (*JUDGED, *SIGNS):
        figures, change = facts.headline["figures"][sign.name], facts.headline["comparisons"][sign.name]
        cells = [kept_together(_figure(sign, figures[model])) for model in ("base", "final", "human")]
        rows.append((sign.label, *cells, escape(p_value(change["p"]))))
    return table(("Sign", "Base", "Aligned", "Human text", "p, uncorrected"), rows)


def evaluate_champion(facts: StageFacts) -> str:
    """Return on what the champion was measured anew."""
    seen = facts.headline
    return (
        f"The champion was measured on {seen['prompts']:,} prompts and {seen['documents']:,} documents of this run, "
        "those that its own training has not seen."
    )


def evaluate_champion_table(facts: StageFacts) -> str:
    """Return the items that the champion was measured on, and those that its training has seen."""
    seen = facts.headline
    rows = [
        (name.capitalize(), f"{seen[name]:,}", f"{seen[f'{name}_seen_by_the_champion']:,}")
        for name in ("prompts", "documents")
    ]
    return table(("Held-out", "Measured on", "Left out"), rows)


def promotion(facts: StageFacts) -> str:
    """Return what was decided of the new adapter, and why."""
    kept = "The champion stays" if facts.headline["champion"] else "Not promoted"
    verdict = "Promoted" if facts.headline["verdict"] == "promote" else kept
    reasons = "\n".join(f"- {escape(reason)}" for reason in facts.headline["reasons"])
    return f"**{verdict}**:\n\n{reasons}"


def promotion_table(facts: StageFacts) -> str:
    """Return every check of the decision; its reasons tell the changes and their limits."""
    rows = []
    for name, check in facts.headline["checks"].items():
        metric, _, against = name.partition(", ")
        row = ROW[metric]
        of = f"{row.name(facts.evaluator, facts.text)}, against the {against}"
        rows.append((escape(of), row.figure(check["before"]), row.figure(check["after"]), _HOLDS[check["passed"]]))
    return table(("Check", "Before", "This", "Holds"), rows)


def _figure(sign: Sign, figure: dict[str, Any]) -> str:
    estimate = _estimate(figure)
    return rate(estimate) if sign.percent else _score(estimate, SIGN_DECIMALS.get(sign.name, 3))


def _p(p: float) -> str:
    shown = p_value(p)
    return ABSENT if shown == ABSENT else escape(shown if shown.startswith("<") else f"= {shown}")


def _score(estimate: Estimate, decimals: int = 3) -> str:
    value, low, high = (number(each, decimals) for each in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"


def _estimate(finding: dict[str, Any]) -> Estimate:
    return Estimate(*(finding[name] for name in ("value", "low", "high", "n")))
