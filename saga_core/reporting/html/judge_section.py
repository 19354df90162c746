"""The section of the judge's own check: does the parser that rewards tell right sentences from wrong ones?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from saga_core.reporting.html.figures import Line, line
from saga_core.reporting.html.run_facts import Checked, RunFacts
from saga_core.reporting.html.strip import Axis
from saga_core.reporting.results import Row
from saga_core.reporting.stage_facts import JUDGE_SCORES

_RATE = Row("ps", "", True, True, 1)
_AREA = Row("auroc", "", True, False, 3)
_AXES = {
    "AUROC": Axis(0.0, 1.0, (0.0, 0.25, 0.5, 0.75, 1.0), reference=0.5),
    "Spearman": Axis(-1.0, 1.0, (-1.0, -0.5, 0.0, 0.5, 1.0), reference=0.0),
}
_GROUPS = {
    "ScaLA": "Intact against damaged sentences (AUROC; 0.5 is chance)",
    "agreement": "Sentences against those with a wrong form (AUROC; 0.5 is chance)",
    "labelled": "Sentences that people have labelled (AUROC; 0.5 is chance)",
    "ceiling": "Real sentences that pass: more is no better grammar",
    "floor": "Ruined text that passes all the same",
    "length": "Does it reward length? (rank correlation; 0 is no)",
}


@dataclass(frozen=True)
class JudgeGroup:
    """Figures of one question about the judge."""

    heading: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class JudgeView:
    """The section: groups of checked figures, and the scores of a judge that the run trained."""

    groups: tuple[JudgeGroup, ...]
    trained: tuple[tuple[str, str], ...]


def judge_view(facts: RunFacts) -> JudgeView | None:
    """Return the section, or None where the run says nothing of its judge."""
    groups = tuple(
        JudgeGroup(_GROUPS.get(group, group), tuple(_line(each) for each in some))
        for group, some in groupby(facts.judge_check, key=lambda each: each.group)
    )
    scores = facts.judge_training
    trained = tuple((name, f"{100 * scores[key]:.1f}%") for name, key in JUDGE_SCORES if key in scores)
    return JudgeView(groups, trained) if groups or trained else None


def _line(checked: Checked) -> Line:
    row = _RATE if checked.measure == "PS" else _AREA
    # What is checked is the judge, whose colour is nobody's: the base's mark stands for it.
    return line(row, checked.name, "", {"base": checked.estimate}, None, _AXES.get(checked.measure))
