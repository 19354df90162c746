"""A stage's page says in words, figures and a picture what came of it; judged by a Markdown parser."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from stage_samples import COMPARISONS, FINDINGS, HEADLINES, INTACT, PANEL, facts

from saga_core.evaluation.statistics import Comparison
from saga_core.reporting.stage_page import Listed, Place, own_page, stage_page
from tasks.pipeline import RETRAINING

ReadTable = Callable[[str], list[list[str]]]
PNG = b"\x89PNG of some bytes"
URL = "https://s3.example.org/store/x/1/a.parquet"
PLACE = Place("s3://store/x/1", [Listed("a.parquet", 5_521, URL)], "saga show x/1 --store s3://store")
hostile = st.text(st.characters(exclude_categories=("Cs", "Cc", "Co", "Cn")), max_size=30) | st.text(
    "|\\`*_<>[]()!#&;~$a1 \n-:.", max_size=20
)


def tokens(markdown: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(markdown):
        yield token
        yield from token.children or ()


def shape(markdown: str) -> list[str]:
    """Return the page's markup, without its words."""
    return [token.type for token in tokens(markdown) if token.type not in ("text", "text_special")]


def shown(markdown: str) -> str:
    words = [token.content for token in tokens(markdown) if token.type in ("text", "text_special", "fence")]
    return " ".join(" ".join(words).split())


def test_the_stages_of_a_retraining_have_words_and_figures(read_table: ReadTable) -> None:
    measured = stage_page(facts("evaluate_champion"), PLACE, None)
    assert "196 prompts" in measured
    assert read_table(measured)[1] == ["Prompts", "196", "4"]
    decided = stage_page(facts("promotion"), PLACE, None)
    assert "**Promoted**" in decided
    for champion, said in (("champion 1 (demo)", "**The champion stays**"), (None, "**Not promoted**")):
        assert said in stage_page(facts("promotion", headline={"verdict": "keep", "champion": champion}), PLACE, None)
    assert read_table(decided)[1:3] == [
        ["Stanza PS, against the champion", "70.0%", "79.5%", "yes"],
        ["PPL-Wiki, against the base", "212.9", "156.3", "yes"],
    ]


def test_the_judges_check_tells_of_ruined_text_and_holds_the_intact_against_it(read_table: ReadTable) -> None:
    page = stage_page(facts("judge_check", headline={"findings": [*FINDINGS, INTACT]}), PLACE, None)
    # What was left intact passes more often, and is no ruined text.
    assert "up to **40.9% [37.0, 45.0]** pass all the same (words shuffled); of the same, intact, 80.0%" in page
    assert read_table(page)[1:5] == [
        ["ScaLA, all corruptions", "AUROC", "0.561 [0.540,\u00a00.580]", "1,000"],
        ["Real sentences", "pass", "80.1% [76.0,\u00a083.0]", "500"],
        ["Words shuffled", "pass", "40.9% [37.0,\u00a045.0]", "500"],
        ["The same sentences, intact", "pass", "80.0% [70.0,\u00a090.0]", "90"],
    ]


def test_items_have_a_row_a_task_that_has_any(read_table: ReadTable) -> None:
    page = stage_page(facts("items"), PLACE, None)
    assert "27 documents, 200 ScaLA pairs, 19 documents to summarise and 21 questions. **16 others" in page
    assert [row for row in read_table(page) if row[0] in ("Held-out prompts", "ScaLA pairs")] == [
        ["Held-out prompts", "198", "2"],
        ["ScaLA pairs", "200", "14"],
    ]
    assert "abelled" not in page
    gone = facts("items", headline={"left_out": {"acceptability": 3}})
    assert ["Labelled sentences", "0", "3"] in read_table(stage_page(gone, PLACE, None))


def test_the_panel_has_a_column_a_text_and_says_what_an_alarm_takes(read_table: ReadTable) -> None:
    figures = PANEL["figures"] | {
        "words": {text: {"value": 14, "low": 9, "high": 20, "n": 3} for text in ("base", "final", "human")}
    }
    rows = read_table(stage_page(facts("panel", headline={"figures": figures, "alarms": []}), PLACE, None))
    assert rows[0] == ["Sign", "Base", "Aligned", "Human text", "p, uncorrected"]
    assert rows[1] == ["PS by the training's judge", *["50.0% [40.0,\u00a060.0]"] * 3, "1.000"]
    assert ["Words a continuation", *["14.0 [9.0,\u00a020.0]"] * 3, "1.000"] in rows
    assert "corrected for all 8, and worse than human text's" in stage_page(
        facts("panel", headline={"alarms": []}), PLACE, None
    )
    assert "corrected for all" not in stage_page(facts("panel"), PLACE, None)


def test_a_publication_shows_human_text_beside_the_models(read_table: ReadTable) -> None:
    rows = read_table(stage_page(facts("publish"), PLACE, None))
    assert rows[0] == ["Metric", "Base", "Final", "Human", "n"]
    assert rows[1][3:] == ["90.0% [85.0,\u00a093.0]", "200"]


def test_a_stage_with_words_of_its_own_has_its_place_beneath() -> None:
    page = own_page("**Finding:** none.\n", facts("gate", state="cached"), PLACE)
    assert page.startswith("**Finding:** none.\n\n**Cached** (never made in this store)")
    assert "saga show x/1" in shown(page)


@pytest.mark.parametrize("stage", [stage for stage in HEADLINES if stage not in RETRAINING])
def test_every_stage_has_words_figures_a_picture_and_a_place(stage: str) -> None:
    page = stage_page(facts(stage), PLACE, PNG)
    types = shape(page)
    assert types[0] == "paragraph_open"
    assert types.count("table_open") == 2
    (image,) = [token for token in tokens(page) if token.type == "image"]
    assert base64.b64decode(str(image.attrs["src"]).removeprefix("data:image/png;base64,")) == PNG
    assert len(image.content) > 20
    (link,) = [token for token in tokens(page) if token.type == "link_open"]
    assert link.attrs["href"] == URL
    assert "saga show x/1 --store s3://store" in shown(page)
    assert "5.5 kB" in shown(page)
    assert "12.3 s" in shown(page)
    # No name of a variable, but metric names.
    assert "parse_success" not in page


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({}, "Base PS 60.5% [53.6, 67.0] is below τ 80%: **KL-SFT runs**."),
        ({"tau": 0.6, "below_tau": False, "run_sft": False, "separable": False}, "other prompts could have decided"),
        ({"tau": 0.5, "below_tau": False, "run_sft": False}, "is not below τ 50%: **KL-SFT is skipped**."),
        ({"mode": "force", "below_tau": False}, "**KL-SFT runs**, because sft.mode is force"),
        ({"mode": "skip", "run_sft": False}, "**KL-SFT is skipped**, because sft.mode is skip"),
    ],
)
def test_the_gate_says_what_it_decided_and_why(figures: dict[str, object], said: str) -> None:
    assert said in stage_page(facts("gate", headline=figures), PLACE, None)


def test_data_says_what_is_missing() -> None:
    assert "**less than the recipe wants**: 480 of 600 prompts." in stage_page(facts("data"), PLACE, None)
    whole = facts("data", headline={"prompts": 600})
    assert "all that the recipe wants" in stage_page(whole, PLACE, None)


def test_an_evaluation_claims_what_its_tests_allow() -> None:
    page = stage_page(facts("evaluate"), PLACE, None)
    assert "That is significant at the 5% level." in page
    assert "+19.0\u00a0points [+12.0,\u00a0+26.0]" in page
    assert "\\<0.001, exact McNemar" in page


def test_no_pair_is_said_and_not_computed_with() -> None:
    nothing = dict.fromkeys(("mean_chosen", "mean_rejected", "mean_gap", "rejected_unparsed"))
    page = stage_page(
        facts("pairs", headline=nothing | {"pairs": 0, "chosen_share": {}, "rejected_share": {}}), PLACE, None
    )
    assert "nothing to train on" in page


def test_a_skipped_stage_says_why_and_a_cached_one_what_it_found() -> None:
    skipped = stage_page(facts("sft", state="skipped", why="base PS 83.0% ≥ τ 80%"), None, None)
    assert shown(skipped) == "Skipped : base PS 83.0% ≥ τ 80%. There is no artifact."
    cached = stage_page(facts("gate", state="cached", why="made 2026-11-24 by demo"), PLACE, PNG)
    assert "**Cached** (made 2026-11-24 by demo)" in cached
    assert "Base PS 60.5%" in cached


def test_a_file_to_which_no_link_leads_has_none() -> None:
    page = stage_page(facts("gate"), Place("s3://b/x", [Listed("a.json", 3_000_000, None)], "saga show x"), None)
    assert "link_open" not in shape(page)
    assert "3.0 MB" in page


@given(hostile, hostile, hostile, hostile)
def test_no_text_from_outside_becomes_markup(why: str, text: str, uri: str, test: str) -> None:
    compared = {name: Comparison(each.delta, each.low, each.high, each.p, test) for name, each in COMPARISONS.items()}
    tame = stage_page(facts("evaluate", why="w", text="w", comparisons=compared | COMPARISONS), PLACE, PNG)
    place = Place(uri or "x", PLACE.files, f"saga show x --store {uri}")
    page = stage_page(facts("evaluate", why=why, text=text, comparisons=compared), place, PNG)
    assert shape(page) == shape(tame)
    skipped = stage_page(facts("sft", state="skipped", why=why), None, None)
    assert set(shape(skipped)) <= {"paragraph_open", "paragraph_close", "inline", "strong_open", "strong_close"}


@given(hostile, hostile)
def test_no_headline_becomes_markup(mode: str, temperature: str) -> None:
    page = stage_page(facts("gate", headline={"mode": mode}), PLACE, PNG)
    assert shape(page) == shape(stage_page(facts("gate", headline={"mode": "force"}), PLACE, PNG))
    shares = {"chosen_share": {temperature: 1.0}, "rejected_share": {temperature: 1.0}}
    tame = {"chosen_share": {"0.7": 1.0}, "rejected_share": {"0.7": 1.0}}
    page = stage_page(facts("pairs", headline=shares), PLACE, PNG)
    assert shape(page) == shape(stage_page(facts("pairs", headline=tame), PLACE, PNG))
