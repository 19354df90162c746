"""What a person reads of a decision: every figure, and what decided against it first."""

import pytest

from saga_core.artifacts.champion import Champion, Entry, Figure
from saga_core.artifacts.record import Reference
from saga_core.evaluation.promotion import Check, Decision
from saga_core.reporting.champion import champion_page
from saga_core.reporting.promotion import reasons, with_promotion

WON = Check(
    metric="parse_success",
    against="champion",
    passed=True,
    before=0.6,
    after=0.75,
    change=0.15,
    low=0.08,
    high=0.22,
    p=0.00012,
    limit=0.05,
    n=200,
)
LOST = Check(
    metric="ppl",
    against="base",
    passed=False,
    before=100.0,
    after=108.0,
    change=0.08,
    low=0.03,
    high=0.13,
    p=None,
    limit=0.1,
    n=50,
)
CARD = "# Title\n\ntext\n\n## Limits\n\n- one\n"


def test_what_decided_against_it_comes_first() -> None:
    decision = Decision(verdict="keep", checks=(WON, LOST), refusals=("it was champion once",))
    assert reasons(decision, "champion 3 (demo)") == [
        "it was champion once",
        "perplexity 108.0 against 100.0 of the base model, +8.0% [+3.0%, +13.0%], n = 50: "
        "not surely within the limit of +10%",
        "parse success 75.0% against 60.0% of champion 3 (demo), +15.0 points [+8.0 points, +22.0 points], n = 200, "
        "p <0.001 (exact McNemar): better at the level 0.05",
    ]


@pytest.mark.parametrize(
    ("change", "p", "said"), [(0.1, 0.2, "not surely better"), (-0.1, 0.01, "not better"), (0.0, 1.0, "not better")]
)
def test_a_test_that_was_not_won_says_how(change: float, p: float, said: str) -> None:
    check = WON.model_copy(update={"passed": False, "change": change, "p": p})
    line = reasons(Decision(verdict="keep", checks=(check,), refusals=()), "champion 3 (demo)")[0]
    assert line.endswith(f"p = {p:.3f} (exact McNemar): {said} at the level 0.05")


def test_the_card_tells_it_before_its_limits() -> None:
    decision = Decision(verdict="keep", checks=(WON, LOST), refusals=())
    card = with_promotion(CARD, decision, "champion 3 (a|b)", ["4 prompts were left out"])
    assert card.startswith("# Title\n\ntext\n\n## Promotion\n\nCompared with champion 3 (a\\|b): **not promoted;")
    assert card.endswith("\n\n## Limits\n\n- one\n")
    assert "- 4 prompts were left out" in card
    rows = [line for line in card.splitlines() if line.startswith("| p")]
    assert [row.rsplit("|", 2)[1].strip() for row in rows] == ["yes", "no"]


def test_without_a_champion_the_card_says_so() -> None:
    card = with_promotion(CARD, Decision(verdict="promote", checks=(WON,), refusals=()), None, [])
    assert "Compared with the base model, as there was no champion to compare with: **promoted**." in card
    kept = with_promotion(CARD, Decision(verdict="keep", checks=(LOST,), refusals=()), None, [])
    assert "no champion to compare with: **not promoted**." in kept


def test_the_page_names_the_champion_or_that_there_is_none() -> None:
    reference = Reference(stage="publish", key="0" * 64, digest="1" * 64, uri="s3://b/publish")
    figures = {"parse_success": Figure(value=0.5, low=0.4, high=0.6, n=10)}
    champion = Champion(
        recipe="demo",
        run="demo-1",
        adapter="2" * 64,
        uri="s3://b/publish",
        card="s3://b/README.md",
        artifacts=(reference,),
        figures=figures,
    )
    entry = Entry(
        number=7, language="nb", move="promoted", champion=champion, who="me on host", when="2026-01-02T03:04:05+00:00"
    )
    page = champion_page("nb", "promoted", ["it is *better*"], entry)
    assert page.startswith("# nb: promoted\n\n- it is \\*better\\*\n")
    assert "| number | 7, promoted 2026-01-02 03:04 by me on host |" in page
    # An address that a cell cannot hold stands in a block of its own.
    assert "Its model card is\n\n```\ns3://b/README.md\n```" in page
    assert champion_page("nb", "kept", [], None).endswith("There is no champion.")
