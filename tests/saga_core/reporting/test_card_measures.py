"""What the card tells of human text, the judge, the reward's tricks, and of what so many items could not show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from stage_samples import FINDINGS, HUMAN, PANEL

from saga_core.reporting.card import render_card
from saga_core.reporting.card_measures import detectable, oracle, tricks
from saga_core.reporting.facts import CardFacts


def test_the_panel_tells_the_verdict_and_every_sign(read_table: Callable[[str], list[list[str]]]) -> None:
    told = tricks(PANEL, "Stanza")
    assert told.startswith(
        "**1 alarm.** By the judge that was the reward, parse success changed by +30.0 points; by Stanza"
    )
    assert "is +11.0 points [+4.0, +18.0], p = 0.002." in told
    assert "- the judge's gain runs ahead by 11.0 points \\[4.0, 18.0\\]." in told
    rows = read_table(told[told.index("| Sign") :])
    assert [row[0] for row in rows[1:]] == [
        "PS by the training's judge",
        "PS by the evaluator",
        "Distinct-2",
        "Self-BLEU",
        "Exact duplicates",
        "Words a continuation",
        "Opener entropy (bits)",
        "MATTR",
        "In the language",
        "Overlap with the training pairs",
    ]
    assert rows[1] == ["PS by the training's judge", *["50.0% [40.0, 60.0]"] * 3, "1.000"]
    assert rows[6] == ["Words a continuation", *["0.5 [0.4, 0.6]"] * 3, "1.000"]
    assert tricks(PANEL | {"alarms": []}, "Stanza").startswith("**No alarm.**")


def test_the_judge_is_told_by_its_own_check() -> None:
    assert oracle(FINDINGS) == (
        "The judge itself, measured on the treebank: AUROC 0.561 [0.540, 0.580] on ScaLA's pairs (0.5 is chance); "
        "80.1% [76.0, 83.0] of real sentences pass; 40.9% [37.0, 45.0] of shuffled."
    )


def test_what_so_many_items_would_show_is_told_in_its_unit() -> None:
    told = detectable({"parse_success": 0.062, "ppl": 1.8, "mattr": None}, "Stanza", "Wiki")
    assert told is not None
    assert told.endswith("Stanza PS 6.2 points, PPL-Wiki 1.8.")
    assert detectable({"mattr": None}, "Stanza", "Wiki") is None


def test_the_card_has_them_and_a_card_without_has_none(run_facts: CardFacts) -> None:
    card = render_card(
        replace(
            run_facts,
            columns=(*run_facts.columns, HUMAN),
            panel=PANEL,
            findings=FINDINGS,
            left_out={"prompts": 2, "scala": 14},
            detectable={"parse_success": 0.062},
        )
    )
    assert "| Human |" in card
    assert "## Was the judge fooled?" in card
    assert "16 others were left out" in card
    assert "The judge itself, measured" in card
    assert "at the 5% level and this n: Stanza PS 6.2 points." in card
    plain = render_card(replace(run_facts, panel=None, findings=(), left_out={}, detectable={}))
    for text in ("fooled", "left out", "The judge itself", "Human text:", "four times out of five"):
        assert text not in plain
    # Human text is no model: the card's metadata are this model's.
    assert card.split("---")[1] == plain.split("---")[1]
