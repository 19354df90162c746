"""What the smaller sections say: verdicts, the gate's doubt, times and devices."""

from dataclasses import replace

import pytest

from saga_core.evaluation.signs import JUDGED, SIGNS
from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.reporting.html.cost_section import cost, duration
from saga_core.reporting.html.figures import axis_of, change_of, typeset, verdict
from saga_core.reporting.html.gate_section import gate_view
from saga_core.reporting.html.lineage_section import lineage
from saga_core.reporting.html.panel_section import panel_view
from saga_core.reporting.html.run_facts import Gate, Made, Panel, RunFacts, RunStage
from saga_core.reporting.html.strip import RATE, SCORE
from saga_core.reporting.results import ROW

MADE = Made("a" * 64, "b" * 64, 3, "2026-01-01T10:00:00+00:00", 90.0, "0.1", "c" * 40, "3.11", {}, 2_500_000, {})


def run(*stages: RunStage, panel: Panel | None = None) -> RunFacts:
    return RunFacts(
        "r", "r", "2026", stages, "nb", "Norwegian Bokmål", "tiny", "spaCy", "Stanza", True, "Wiki", 0, panel=panel
    )


@pytest.mark.parametrize(
    ("metric", "delta", "p", "words"),
    [
        ("parse_success", 0.1, 0.01, "better"),
        ("parse_success", -0.1, 0.01, "worse"),
        ("ppl", 1.0, 0.01, "worse"),
        ("ppl", -1.0, 0.01, "better"),
        ("ppl", -1.0, 0.05, "not separable"),
        ("ppl", -1.0, float("nan"), "not separable"),
    ],
)
def test_a_verdict_is_that_of_the_test_in_the_metrics_direction(
    metric: str, delta: float, p: float, words: str
) -> None:
    assert verdict(ROW[metric], Comparison(delta, delta - 1, delta + 1, p, "a test")).words == words


def test_a_difference_that_is_none_is_not_shown() -> None:
    assert change_of(ROW["ppl"], None) is None
    assert change_of(ROW["ppl"], Comparison(float("nan"), 0, 0, 0.5, "a test")) is None


def test_rates_and_scores_have_their_whole_range_and_ratios_their_own() -> None:
    half = {"base": Estimate(0.5, 0.4, 0.6, 9)}
    assert axis_of(ROW["parse_success"], half) is RATE
    assert axis_of(ROW["mattr"], half) is SCORE
    # Below 1 by chance: bits per byte have no upper end.
    assert axis_of(ROW["bits_per_byte"], half).high < 0.7


def test_hyphens_before_numbers_are_minus_signs_and_others_are_not() -> None:
    assert typeset("-0.5 [-1.0, 2-3] PPL-Wiki kl-2") == "−0.5 [−1.0, 2-3] PPL-Wiki kl-2"


def test_the_gate_tells_its_doubt_and_who_decided() -> None:
    gate = Gate(Estimate(0.78, 0.72, 0.83, 200), 0.8, "auto", True)
    assert (
        gate_view(gate).said == "By the judge, 78.0% [72.0, 83.0] of the base's texts parse (n = 200), below τ = 80%, "
        "so KL-SFT ran before DPO."
    )
    assert "other prompts could have decided otherwise" in gate_view(gate).doubt
    sure = replace(gate, rate=Estimate(0.95, 0.91, 0.97, 200), run_sft=False)
    assert "at or above τ = 80%, so KL-SFT was skipped" in gate_view(sure).said
    assert not gate_view(sure).doubt
    assert "and KL-SFT ran: the recipe forces it" in gate_view(replace(sure, mode="force", run_sft=True)).said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.001, "under 0.1 s"), (12.34, "12.3 s"), (59.99, "60.0 s"), (79.2, "1 min 19 s"), (7_500, "2 h 5 min")],
)
def test_times(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_hours_are_by_pool_and_what_was_cached_is_not_of_this_run() -> None:
    gpu = replace(MADE, seconds=7_200.0, packages={"torch": "2.13.0"})
    on_cpu = replace(MADE, packages={"torch": "2.13.0+cpu"})
    told = cost(
        run(
            RunStage("data", "cached", "", "cpu", MADE),
            RunStage("dpo", "computed", "", "gpu", gpu),
            RunStage("probe", "computed", "", "gpu", on_cpu),
            RunStage("sft", "skipped", "", "gpu", None),
        )
    )
    assert told is not None
    assert told.pools == (("saga-cpu", "0.000 h", "0.025 h"), ("saga-gpu", "2.0 h", "2.0 h"))
    # That a worker had a GPU is not in the record; that torch can use none is.
    assert [row.device for row in told.rows] == ["CPU", "not recorded", "CPU"]
    assert [row.made_here for row in told.rows] == ["no, it was cached", "yes", "yes"]
    assert cost(run(RunStage("data", "failed", "", "cpu", None))) is None


def test_the_lineage_names_code_inputs_and_what_has_no_artifact() -> None:
    other = replace(MADE, packages={"torch": "2"}, inputs={"data": "d" * 64}, commit=None)
    told = lineage(run(RunStage("data", "cached", "", "cpu", MADE), RunStage("sft", "computed", "", "gpu", other)))
    assert [(row.inputs, row.code, row.size) for row in told.rows] == [
        ("outside inputs alone", "3, ccccccc", "2.5 MB"),
        ("data dddddddd", "3, saga 0.1", "2.5 MB"),
    ]
    assert told.packages == (("data", "saga 0.1, Python 3.11"), ("sft", "saga 0.1, Python 3.11, torch 2"))
    assert lineage(run(RunStage("sft", "skipped", "why", None, None))).rows[0].key == "–"


def test_a_sign_is_worse_in_the_direction_of_the_trick() -> None:
    figures = {name: {"final": Estimate(0.5, 0.4, 0.6, 9)} for name in ("words", "duplicates", "judge_ps")}
    compared = dict.fromkeys(figures, Comparison(0.2, 0.1, 0.3, 0.001, "a test"))
    told = panel_view(run(panel=Panel(figures, compared, {}, ())))
    assert told is not None
    assert [(line.name, line.change and line.change.badge.words) for line in told.lines] == [
        ("PS by the training's judge", "better"),
        ("Exact duplicates", "worse"),
        ("Words a continuation", "better"),
    ]
    assert (told.gains, told.alarms) == ((), ())


def test_every_sign_of_the_panel_is_explained() -> None:
    figures = {sign.name: {"final": Estimate(0.5, 0.4, 0.6, 9)} for sign in (*JUDGED, *SIGNS)}
    told = panel_view(run(panel=Panel(figures, {}, {}, ())))
    assert told is not None
    assert [line.name for line in told.lines] == [sign.label for sign in (*JUDGED, *SIGNS)]
    assert all(line.meaning for line in told.lines)
