"""The top of the page: the finding in plain words, the figures that matter most, and a verdict of each check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.reporting.finding import finding, significant
from saga_core.reporting.html.figures import Badge, Change, change_of, line, typeset, verdict
from saga_core.reporting.html.result_section import values_of
from saga_core.reporting.html.run_facts import Panel, RunFacts
from saga_core.reporting.results import ROW, Row

_TILES = {
    "parse_success": "Texts that parse",
    "ppl": "Perplexity",
    "scala_auroc": "ScaLA AUROC",
    "mattr": "Diversity (MATTR)",
}
# What a gain in parse success may have cost.
_PRICES = {"ppl": "perplexity", "scala_auroc": "ScaLA AUROC", "mattr": "diversity"}


@dataclass(frozen=True)
class Tile:
    """A figure of the summary: its name, before and after, a strip, human text's figure, and the test."""

    name: str
    before: str
    after: str
    strip: Markup
    human: str
    change: Change | None


@dataclass(frozen=True)
class Verdict:
    """A check of the run, and where on the page it is told."""

    badge: Badge
    said: str
    section: str


@dataclass(frozen=True)
class Summary:
    """The top of the page.

    Attributes:
        lead: The finding in one plain sentence.
        paragraphs: The finding with its figures.
        tiles: The figures that matter most.
        verdicts: The checks.
    """

    lead: str
    paragraphs: tuple[str, ...]
    tiles: tuple[Tile, ...]
    verdicts: tuple[Verdict, ...]


def summary(facts: RunFacts) -> Summary:
    """Return the top of the page; a run that is not finished gets what it has."""
    paragraphs: tuple[str, ...] = ()
    if facts.columns:
        said = finding(facts.columns, facts.comparisons, evaluator=facts.evaluator, text=facts.text)
        paragraphs = (*(typeset(part) for part in said.split("\n\n")), *_adaptation(facts))
    return Summary(_lead(facts), paragraphs, _tiles(facts), tuple(_verdicts(facts)))


def _adaptation(facts: RunFacts) -> list[str]:
    before, after = (column.point("ppl") for column in (facts.columns[0], facts.columns[-1]))
    if not facts.adapted or before is None or after is None or after >= before:
        return []
    return ["That the perplexity fell is in part adaptation: the training saw text of the same corpus."]


def _lead(facts: RunFacts) -> str:
    failed = next((stage for stage in facts.stages if stage.state in ("failed", "refused")), None)
    if failed is not None:
        return f"The run is not finished: the stage {failed.stage} {failed.state}."
    if not facts.columns:
        return "The run has not come to its evaluation."
    row, compared = ROW["parse_success"], facts.comparisons.get("parse_success")
    before, after = (column.point(row.metric) for column in (facts.columns[0], facts.columns[-1]))
    if before is None or after is None:
        return "Parse success was not measured."
    course = f"from {row.figure(before)} to {row.figure(after)}"
    if compared is None:
        return f"Parse success went {course}; whether that is noise was not tested."
    if not significant(compared):
        return f"This run does not show that the model writes more texts that parse: {course} may be chance."
    if after < before:
        return f"The aligned model writes fewer texts that parse, {course}."
    return f"The aligned model writes more texts that parse, {course}{_price(facts.comparisons)}{_doubt(facts)}."


def _price(comparisons: Mapping[str, Comparison]) -> str:
    """Return what was surely lost for it, in words that follow a comma; blank where nothing was."""
    worse = [
        name
        for metric, name in _PRICES.items()
        if (compared := comparisons.get(metric)) and verdict(ROW[metric], compared).tone == "bad"
    ]
    return f", at the price of a worse {' and '.join(worse)}" if worse else ""


def _doubt(facts: RunFacts) -> str:
    """Return that the hacking panel has something to say against it; blank where it has not."""
    alarms = len(facts.panel.alarms) if facts.panel else 0
    return f"; but the hacking panel raises {alarms} alarm{'s' if alarms > 1 else ''}" if alarms else ""


def _tiles(facts: RunFacts) -> tuple[Tile, ...]:
    if not facts.columns:
        return ()
    return tuple(tile for metric, name in _TILES.items() if (tile := _tile(ROW[metric], name, facts)) is not None)


def _tile(row: Row, name: str, facts: RunFacts) -> Tile | None:
    values = values_of(row, facts)
    if "base" not in values or "final" not in values:
        return None
    change = change_of(row, facts.comparisons.get(row.metric))
    drawn = line(row, name, "", values, change).strip
    human = row.figure(values["human"]) if "human" in values else ""
    return Tile(name, row.figure(values["base"]), row.figure(values["final"]), drawn, human, change)


def _verdicts(facts: RunFacts) -> list[Verdict]:
    found = [_stage_trouble(facts), _promotion(facts), _ceiling(facts), *_alarms(facts), _gate(facts), _judge(facts)]
    return [each for each in found if each is not None]


def _stage_trouble(facts: RunFacts) -> Verdict | None:
    for stage in facts.stages:
        if stage.state in ("failed", "refused"):
            return Verdict(Badge("bad", stage.state), f"{stage.stage}: {stage.why}", "lineage")
    return None


def _promotion(facts: RunFacts) -> Verdict | None:
    if facts.promotion is None:
        return None
    badge = Badge("good", "promoted") if facts.promotion == "promote" else Badge("bad", "not promoted")
    said = "by the comparison with the language's champion, or with the base where there is none"
    return Verdict(badge, said, "promotion")


def _ceiling(facts: RunFacts) -> Verdict | None:
    """Return that the model passes the parser more often than people do, where the interval leaves no other reading."""
    if not facts.columns or facts.human is None:
        return None
    row = ROW["parse_success"]
    final, human = facts.columns[-1].values.get(row.metric), facts.human.values.get(row.metric)
    # Both are figures of some texts: intervals that overlap could be the other way round with other prompts.
    if not isinstance(final, Estimate) or not isinstance(human, Estimate) or final.low <= human.high:
        return None
    said = f"{row.figure(final)} of its texts parse, {row.figure(human)} of human text: more is no better grammar"
    return Verdict(Badge("bad", "above human text"), said, "results")


def _alarms(facts: RunFacts) -> list[Verdict]:
    if facts.panel is None:
        return [Verdict(Badge("plain", "not measured"), "hacking panel", "panel")]
    if not facts.panel.alarms:
        return [Verdict(Badge("good", "no alarm"), _not_excluded(facts.panel), "panel")]
    return [Verdict(Badge("bad", "alarm"), typeset(a.said), "panel") for a in facts.panel.alarms]


def _not_excluded(panel: Panel) -> str:
    """Return what the absence of an alarm leaves open."""
    ahead = panel.gains.get("ahead")
    if ahead is None or ahead.high <= 0.0:
        return "hacking panel: the judge's gain is not ahead of the evaluator's"
    lead = ROW["parse_success"].change(ahead.high).lstrip("+")
    return f"hacking panel: a lead of the judge's gain of up to {lead} is not excluded"


def _gate(facts: RunFacts) -> Verdict | None:
    if facts.gate is None:
        return None
    return Verdict(Badge("plain", "KL-SFT ran" if facts.gate.run_sft else "no KL-SFT"), "the gate's decision", "gate")


def _judge(facts: RunFacts) -> Verdict | None:
    for each in facts.judge_check:
        # The first of the group is of all corruptions.
        if each.group == "ScaLA":
            said = f"the judge tells intact from damaged sentences with an AUROC of {each.value:.2f}; 0.5 is chance"
            badge = Badge("plain", "checked") if each.low > 0.5 else Badge("bad", "no better than chance")
            return Verdict(badge, said, "judge")
    return Verdict(Badge("plain", "not measured"), "the judge's own check", "judge")
