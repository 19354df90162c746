from __future__ import annotations

import pytest

from saga_core.evaluation.arms import ArmsComparison, Difference
from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.reporting.comparison_finding import comparison_finding, method, notes
from saga_core.reporting.results import ROW

# The public card's ablation, with p-values that it does not give.
SKIP = {"parse_success": 0.985, "ppl": 33.0, "scala_auroc": 0.617, "rc_aps": 0.875}
FORCE = {"parse_success": 0.98, "ppl": 43.8, "scala_auroc": 0.592, "rc_aps": 0.93}


def compared(arms: dict[str, dict[str, float]], p: dict[str, dict[str, float]], seeds: int = 1) -> ArmsComparison:
    """Return a comparison of given figures and corrected p-values."""
    first = next(iter(arms))
    figures = {title: {m: Estimate(v, v, v, 200) for m, v in found.items()} for title, found in arms.items()}
    differences = [
        Difference(
            arm=title,
            metric=metric,
            comparison=Comparison(value - arms[first][metric], -0.03, 0.02, p[title][metric] / 4, "a test"),
            holm=p[title][metric],
            detectable=0.04,
        )
        for title, found in arms.items()
        if title != first
        for metric, value in found.items()
    ]
    return ArmsComparison(
        figures={"Base": figures[first], **figures},
        bases=("Base",),
        first=first,
        differences=tuple(differences),
        tests=len(differences),
        seeds=seeds,
        same={},
        left_out={},
    )


def _finding(p: dict[str, float]) -> str:
    both = {"sft.mode=skip": SKIP, "sft.mode=force": FORCE}
    return comparison_finding(compared(both, {"sft.mode=force": p}), "Stanza", "Wiki")


def test_the_public_cards_finding_with_tests() -> None:
    assert _finding({"parse_success": 1.0, "ppl": 0.0004, "scala_auroc": 0.012, "rc_aps": 0.2}) == (
        "sft.mode=force does not improve results over sft.mode=skip. "
        "Parse success is not shown to differ (98.0% against 98.5%, Holm p = 1.000); "
        "PPL-Wiki degrades (+10.8: 43.8 against 33.0, Holm p <0.001); "
        "ScaLA AUROC degrades (-0.025: 0.592 against 0.617, Holm p = 0.012). "
        "sft.mode=skip is the recommended model of these, each of one training seed. "
        "That its parse success is lower by up to 2.0 points is not excluded."
    )


@pytest.mark.parametrize(
    ("significant", "verdict", "recommended"),
    [
        (
            {"rc_aps"},
            "sft.mode=force is better than sft.mode=skip by some figures, and is shown to be worse by none.",
            "sft.mode=force is the recommended model of these, each of one training seed. "
            "That its parse success is lower by up to 3.0 points is not excluded.",
        ),
        (
            {"rc_aps", "ppl"},
            "sft.mode=force is better than sft.mode=skip by some figures and worse by others.",
            "Which to choose depends on which figure matters; the tests do not decide it.",
        ),
        (
            set(),
            "sft.mode=force is not shown to differ from sft.mode=skip.",
            "The tests do not show that any arm is better. One of 4.0 points in parse success would be missed one time "
            "in five, a smaller one more often.",
        ),
    ],
)
def test_no_more_is_claimed_than_the_corrected_tests_allow(
    significant: set[str], verdict: str, recommended: str
) -> None:
    found = _finding({metric: 0.049 if metric in significant else 0.05 for metric in FORCE})
    assert found.startswith(verdict)
    assert found.endswith(recommended)
    assert ("also better: RC APS (+5.5 points)" in found) == ("rc_aps" in significant)


def test_of_several_arms_that_win_none_is_recommended_over_another() -> None:
    better = {metric: value + 0.05 for metric, value in SKIP.items() if ROW[metric].higher}
    arms = {"a": {metric: SKIP[metric] for metric in better}, "b": better, "c": better, "d": better}
    sure, unsure = dict.fromkeys(better, 0.01), dict.fromkeys(better, 0.5)
    found = comparison_finding(compared(arms, {"b": sure, "c": sure, "d": unsure}), "Stanza", "Wiki")
    assert found.endswith("b and c improve on a; they were not tested against each other.")
    found = comparison_finding(compared(arms, {"b": sure, "c": unsure, "d": unsure}), "Stanza", "Wiki")
    assert "b is the recommended model of these, each of one training seed." in found


def test_arms_that_are_all_one_model_have_no_finding() -> None:
    alone = compared({"a": SKIP}, {}).model_copy(update={"same": {"b": "a"}})
    assert comparison_finding(alone, "Stanza", "Wiki") == "All arms are the same model, so there is nothing to compare."
    assert notes(alone, "Stanza", "Wiki")[0].startswith("b is the same model as a: ")


def test_what_one_seed_leaves_open_is_said_and_what_is_left_out() -> None:
    both = {"a": SKIP, "b": FORCE}
    one, three = (compared(both, {"b": dict.fromkeys(FORCE, 0.5)}, seeds) for seeds in (1, 3))
    assert "not other seeds" in notes(one, "Stanza", "Wiki")[-1]
    assert "3 training seeds an arm" in notes(three, "Stanza", "Wiki")[-1]
    told = notes(one.model_copy(update={"left_out": {"ppl": "of other tokens"}}), "Stanza", "Wiki")
    assert told[0] == "PPL-Wiki is left out: of other tokens."
    assert "corrected over all 4 tests" in method(one)
