"""The sentence at the top claims no more than the test allows, and says what it cost."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.reporting.html.run_facts import Alarm, Checked, Panel, RunFacts, RunStage
from saga_core.reporting.html.summary_section import summary
from saga_core.reporting.results import Column

Run = Callable[..., RunFacts]


@pytest.fixture
def run(base_column: Column, final_column: Column, comparisons: dict[str, Comparison]) -> Run:
    def make(**changes: Any) -> RunFacts:  # noqa: ANN401
        facts = RunFacts(
            run="demo-0123456789",
            recipe="demo",
            time="2026-01-01T00:00:00+00:00",
            stages=(),
            language="nb",
            language_name="Norwegian Bokmål",
            base_title="tiny",
            judge="spaCy",
            evaluator="Stanza",
            held_out=True,
            text="Wiki",
            seed=0,
            columns=(base_column, final_column),
            comparisons=comparisons,
        )
        return replace(facts, **changes)

    return make


def test_a_gain_is_told_with_what_was_lost_for_it(run: Run) -> None:
    said = "The aligned model writes more texts that parse, from 83.0% to 98.5%"
    assert summary(run()).lead == f"{said}, at the price of a worse perplexity and ScaLA AUROC."


def test_alarms_are_in_the_first_sentence_and_among_the_verdicts(run: Run, comparisons: dict[str, Comparison]) -> None:
    panel = Panel({}, {}, {}, [Alarm("words", "Words went from 20 to 9."), Alarm("self_bleu", "Self-BLEU by -0.1.")])
    told = summary(run(panel=panel, comparisons={"parse_success": comparisons["parse_success"]}))
    assert told.lead.endswith("from 83.0% to 98.5%; but the hacking panel raises 2 alarms.")
    assert [(each.badge.words, each.said) for each in told.verdicts][:2] == [
        ("alarm", "Words went from 20 to 9."),
        ("alarm", "Self-BLEU by −0.1."),
    ]


@pytest.mark.parametrize(
    ("p", "delta", "said"),
    [
        (0.3, 0.155, "does not show that the model writes more texts that parse"),
        (float("nan"), 0.155, "does not show"),
    ],
)
def test_what_may_be_chance_is_no_gain(run: Run, p: float, delta: float, said: str) -> None:
    compared = {"parse_success": Comparison(delta, -0.1, 0.3, p, "exact McNemar")}
    assert said in summary(run(comparisons=compared)).lead


def test_a_loss_is_a_loss(run: Run, base_column: Column, final_column: Column) -> None:
    compared = {"parse_success": Comparison(-0.155, -0.2, -0.1, 1e-6, "exact McNemar")}
    told = summary(run(columns=(final_column, base_column), comparisons=compared))
    assert told.lead == "The aligned model writes fewer texts that parse, from 98.5% to 83.0%."
    assert told.tiles[0].change is not None
    assert told.tiles[0].change.badge.words == "worse"


def test_without_a_test_nothing_is_said_to_be_more(run: Run) -> None:
    assert "whether that is noise was not tested" in summary(run(comparisons={})).lead


def test_a_run_that_failed_says_so_first(run: Run) -> None:
    told = summary(run(columns=(), stages=(RunStage("dpo", "failed", "the disk is full", "gpu", None),)))
    assert told.lead == "The run is not finished: the stage dpo failed."
    assert told.verdicts[0].said == "dpo: the disk is full"


def test_a_judge_that_may_be_chance_is_marked(run: Run) -> None:
    chance = Checked("ScaLA", "all", "AUROC", 0.52, 0.48, 0.56, 400)
    assert summary(run(judge_check=[chance])).verdicts[-1].badge.words == "no better than chance"
    good = replace(chance, value=0.8, low=0.77, high=0.83)
    assert summary(run(judge_check=[good])).verdicts[-1].badge.words == "checked"


@pytest.mark.parametrize(("human", "above"), [(0.9, True), (0.96, False)])
def test_more_than_human_text_is_marked_where_it_is_sure(run: Run, human: float, above: bool) -> None:
    # The model's interval begins at 95.7%.
    people = Column("Human text", {"parse_success": Estimate(human, human - 0.05, human + 0.03, 200)}, reference=True)
    words = [each.badge.words for each in summary(run(human=people)).verdicts]
    assert ("above human text" in words) == above


def test_a_figure_that_has_no_interval_has_no_tile(run: Run, base_column: Column) -> None:
    bare = Column("Aligned", {"parse_success": 0.9, "mattr": Estimate(0.8, 0.7, 0.9, 200)})
    assert [tile.name for tile in summary(run(columns=(base_column, bare))).tiles] == ["Diversity (MATTR)"]
