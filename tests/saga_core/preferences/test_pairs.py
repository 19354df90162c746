from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.preferences.pairs import PairReport, ScoredCandidate, describe, select_pairs
from saga_core.recipe import PairSettings

SETTINGS = PairSettings()


def candidate(
    score: float, text: str | None = None, prompt: str = "p", temperature: float = 0.7, k: int = 0
) -> ScoredCandidate:
    return ScoredCandidate(
        prompt_id=prompt,
        prompt=f"Prompt {prompt}",
        text=f" {score} {temperature} {k}" if text is None else text,
        score=score,
        temperature=temperature,
        k=k,
        finished=k % 2 == 0,
    )


def test_the_best_is_chosen_over_the_worst() -> None:
    best, middle, worst = candidate(0.9, k=1), candidate(0.5), candidate(-1, temperature=1.1)
    (pair,) = select_pairs([middle, worst, best], SETTINGS)
    assert (pair.prompt_id, pair.prompt) == ("p", "Prompt p")
    assert (pair.chosen, pair.rejected) == (best.text, worst.text)
    assert (pair.chosen_score, pair.rejected_score) == (0.9, -1)
    assert (pair.chosen_temperature, pair.rejected_temperature) == (0.7, 1.1)
    assert (pair.chosen_finished, pair.rejected_finished) == (False, True)


def test_each_prompt_has_its_own_pair_in_the_order_of_appearance() -> None:
    mixed = [candidate(score, prompt=prompt) for score in (0.8, -1) for prompt in ("b", "a")]
    assert [pair.prompt_id for pair in select_pairs(iter(mixed), SETTINGS)] == ["b", "a"]


def test_among_equals_the_cooler_and_earlier_is_chosen_and_the_hotter_and_later_rejected() -> None:
    drawn = [(temperature, k) for temperature in (1.1, 0.7) for k in (1, 0)]
    group = [candidate(score, temperature=t, k=k) for score in (0.9, -1) for t, k in drawn]
    (pair,) = select_pairs(group, SETTINGS)
    assert pair.chosen == " 0.9 0.7 0"
    assert pair.rejected == " -1 1.1 1"


@pytest.mark.parametrize(
    ("best", "worst", "kept"),
    [(0.75, 0.5, True), (0.75, 0.51, False), (0.2, -1, True), (0.19, -1, False), (-1, -1, False)],
)
def test_gap_and_floor_are_themselves_enough(best: float, worst: float, kept: bool) -> None:
    assert bool(select_pairs([candidate(best), candidate(worst, k=1)], SETTINGS)) is kept


def test_a_candidate_without_text_is_passed_over() -> None:
    group = [candidate(0.9), candidate(0.5, k=1), candidate(-1, text=""), candidate(-1, text=" \n")]
    (pair,) = select_pairs(group, SETTINGS)
    assert pair.rejected_score == 0.5
    assert select_pairs(group[2:], SETTINGS) == []
    assert select_pairs([candidate(0.9), candidate(-1, text="")], SETTINGS) == []


def test_a_text_is_never_preferred_to_itself() -> None:
    twins = [candidate(0.9, text=" lik"), candidate(0.9, text=" lik", k=1)]
    assert select_pairs(twins, PairSettings(min_gap=0)) == []
    assert select_pairs([candidate(0.9)], PairSettings(min_gap=0)) == []


def test_the_report_says_what_became_of_every_prompt() -> None:
    candidates = [
        *(candidate(score, prompt="kept", temperature=t) for score, t in ((0.9, 0.7), (-1, 1.1))),
        *(candidate(score, prompt="kept too", temperature=t) for score, t in ((0.5, 1.1), (0.2, 1.1))),
        *(candidate(score, prompt="close") for score in (0.9, 0.8)),
        *(candidate(score, prompt="low", k=k) for score, k in ((-1, 0), (-1, 1))),
        candidate(-1, prompt="empty", text=""),
    ]
    assert describe(candidates, select_pairs(candidates, SETTINGS), SETTINGS) == PairReport(
        prompts=5,
        candidates=9,
        empty=1,
        pairs=2,
        dropped_empty=1,
        dropped_floor=1,
        dropped_gap=1,
        mean_chosen=pytest.approx(0.7),
        mean_rejected=pytest.approx(-0.4),
        mean_gap=pytest.approx(1.1),
        chosen_share={"0.7": 0.5, "1.1": 0.5},
        rejected_share={"1.1": 1.0},
    )


def test_the_report_of_nothing_has_no_means() -> None:
    report = describe([], [], SETTINGS)
    assert (report.prompts, report.pairs) == (0, 0)
    assert report.mean_chosen is report.mean_rejected is report.mean_gap is None
    assert report.chosen_share == report.rejected_share == {}


_SCORES = st.one_of(st.just(-1.0), st.floats(0, 1))
_GROUPS = st.lists(st.lists(st.tuples(_SCORES, st.sampled_from(["", " a", " b", " c"])), max_size=8), max_size=6)


@given(_GROUPS, st.floats(0, 2), st.floats(-1, 1), st.integers(0, 9))
def test_pairs_keep_to_the_settings_whatever_the_order(
    groups: list[list[tuple[float, str]]], min_gap: float, min_chosen: float, seed: int
) -> None:
    settings = PairSettings(min_gap=min_gap, min_chosen=min_chosen)
    candidates = [
        candidate(score, text, str(number), temperature=0.7 + 0.4 * (k % 2), k=k // 2)
        for number, group in enumerate(groups)
        for k, (score, text) in enumerate(group)
    ]
    pairs = select_pairs(candidates, settings)
    for pair in pairs:
        group = [c for c in candidates if c.prompt_id == pair.prompt_id and c.text]
        assert pair.chosen_score == max(c.score for c in group) >= min_chosen
        assert pair.rejected_score == min(c.score for c in group)
        assert pair.chosen_score - pair.rejected_score >= min_gap
        assert pair.chosen != pair.rejected
    shuffled = random.Random(seed).sample(candidates, len(candidates))
    by_prompt = sorted(pairs, key=lambda pair: pair.prompt_id)
    assert sorted(select_pairs(shuffled, settings), key=lambda pair: pair.prompt_id) == by_prompt
    report = describe(candidates, pairs, settings)
    assert report.prompts == report.pairs + report.dropped_empty + report.dropped_floor + report.dropped_gap
    assert sum(report.chosen_share.values()) == pytest.approx(1 if pairs else 0)


def test_finished_goes_with_its_candidate() -> None:
    best, worst = candidate(0.9), replace(candidate(-1), finished=False)
    (pair,) = select_pairs([best, worst], SETTINGS)
    assert pair.chosen_finished
    assert not pair.rejected_finished
