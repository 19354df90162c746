"""Decisions about a new adapter: what is shown promotes, what is not shown, or bought, does not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from saga_core.evaluation.guards import Guards
from saga_core.evaluation.outcomes import EvaluationResult
from saga_core.evaluation.parse import ParseOutcome
from saga_core.evaluation.perplexity import DocumentOutcome
from saga_core.evaluation.promotion import Check, Decision, decide, restricted

RESAMPLES = 100


def result(
    passed: list[bool], nll: list[float], mattr: list[float] | None = None, tokens: int = 50
) -> EvaluationResult:
    diverse = mattr or [0.9] * len(passed)
    parse = [
        ParseOutcome(f"p{i}", "text", ok, float(ok), m) for i, (ok, m) in enumerate(zip(passed, diverse, strict=True))
    ]
    documents = [DocumentOutcome(f"d{i}", value, tokens, 200) for i, value in enumerate(nll)]
    return EvaluationResult(tuple(parse), tuple(documents), (), (), ())


def good(count: int, of: int = 40, nll: float = 100.0) -> EvaluationResult:
    """An evaluation of which so many continuations parse; the documents' likelihoods vary alike in all of these."""
    return result([i < count for i in range(of)], [nll + i for i in range(8)])


def judge(
    candidate: EvaluationResult,
    champion: EvaluationResult | None,
    base: EvaluationResult | None = None,
    **guards: float,
) -> Decision:
    return decide(candidate, base or good(10), champion, Guards(**guards), 0, RESAMPLES)


def check(decision: Decision, metric: str, against: str = "champion") -> Check:
    return next(c for c in decision.checks if (c.metric, c.against) == (metric, against))


def test_a_clear_win_within_the_guards_promotes() -> None:
    decision = judge(good(35), good(20))
    assert decision.verdict == "promote"
    assert [(c.metric, c.against) for c in decision.checks] == [
        ("parse_success", "champion"),
        ("ppl", "champion"),
        ("mattr", "champion"),
        ("ppl", "base"),
        ("mattr", "base"),
    ]
    won = check(decision, "parse_success")
    assert (won.before, won.after, won.n) == (0.5, 0.875, 40)
    assert won.change == pytest.approx(0.375)
    assert won.p == pytest.approx(2 * 0.5**15)


def test_a_small_win_is_none() -> None:
    # Four gained and none lost: p = 1/8.
    assert judge(good(24), good(20)).verdict == "keep"
    assert judge(good(24), good(20), significance=0.2).verdict == "promote"


def test_without_a_champion_it_has_to_beat_its_base() -> None:
    assert judge(good(35), None).verdict == "promote"
    assert judge(good(12), None).verdict == "keep"
    assert {c.against for c in judge(good(35), None).checks} == {"base"}


def test_the_perplexity_may_rise_so_much_and_no_more() -> None:
    # Every document by 2 nats in 50 tokens: the perplexity by e**0.04, whatever is resampled.
    worse = good(35, nll=102.0)
    decision = judge(worse, good(20), ppl_rise=0.04)
    assert decision.verdict == "keep"
    assert check(decision, "ppl").change == pytest.approx(0.0408, abs=1e-4)
    assert judge(worse, good(20), ppl_rise=0.05).verdict == "promote"


def test_small_losses_do_not_add_up_from_champion_to_champion() -> None:
    champion, candidate = good(20, nll=104.0), good(35, nll=108.0)
    decision = judge(candidate, champion, ppl_rise=0.1)
    assert check(decision, "ppl").passed
    assert not check(decision, "ppl", "base").passed
    assert decision.verdict == "keep"


def test_the_diversity_may_fall_so_much_and_no_more() -> None:
    dull = result([i < 35 for i in range(40)], [100.0 + i for i in range(8)], [0.85] * 40)
    assert judge(dull, good(20)).verdict == "keep"
    assert judge(dull, good(20), mattr_fall=0.06).verdict == "promote"


def test_a_guard_that_too_few_items_leave_open_does_not_hold() -> None:
    few = result([i < 35 for i in range(40)], [90.0, 130.0])
    decision = judge(few, result([i < 20 for i in range(40)], [110.0, 110.0]), base=few, ppl_rise=0.2)
    found = check(decision, "ppl")
    assert found.change < 0.2 < found.high
    assert decision.verdict == "keep"


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (result([True] * 41, [100.0 + i for i in range(8)]), "1 of its 41 prompts are others, such as p40"),
        (result([True] * 40, [100.0] * 9), "1 of its 9 documents are others, such as d8"),
        (result([True], [100.0] * 8), "they have 1 prompts in common"),
        (result([True] * 40, [100.0]), "they have 1 documents in common"),
        (result([True] * 40, [100.0] * 8, tokens=49), "cut into other tokens"),
    ],
)
def test_what_is_not_comparable_is_refused_and_said(other: EvaluationResult, why: str) -> None:
    decision = judge(good(40), other)
    assert decision.verdict == "keep"
    assert why in decision.refusals[0]


def test_a_champion_measured_on_some_of_the_items_is_compared_on_these() -> None:
    candidate, champion = good(40), restricted(good(20), good(30, of=30))
    decision = judge(candidate, champion)
    assert check(decision, "parse_success").n == 30
    assert check(decision, "ppl", "base").n == 8


def test_a_refusal_outweighs_every_figure() -> None:
    decision = decide(good(40), good(5), good(5), Guards(), 0, RESAMPLES, ["it was rolled back"])
    assert all(c.passed for c in decision.checks)
    assert (decision.verdict, decision.refusals) == ("keep", ("it was rolled back",))


@pytest.mark.parametrize(
    "wrong", [{"significance": 0.0}, {"significance": 0.6}, {"ppl_rise": -0.1}, {"mattr_fall": 2}, {"colour": 1}]
)
def test_guards_have_bounds(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Guards(**wrong)


ITEMS = 12
PASSED = st.lists(st.booleans(), min_size=ITEMS, max_size=ITEMS)
NLL = st.lists(st.floats(10.0, 400.0), min_size=4, max_size=4)
MATTR = st.lists(st.floats(0.0, 1.0), min_size=ITEMS, max_size=ITEMS)
RESULT = st.builds(result, PASSED, NLL, MATTR)
GUARDS = st.builds(
    Guards, significance=st.floats(0.001, 0.5), ppl_rise=st.floats(0.0, 1.0), mattr_fall=st.floats(0.0, 1.0)
)


@given(RESULT, RESULT, st.none() | RESULT, GUARDS)
@settings(max_examples=30)
def test_nothing_is_promoted_that_fails_a_check(
    candidate: EvaluationResult, base: EvaluationResult, champion: EvaluationResult | None, guards: Guards
) -> None:
    decision = decide(candidate, base, champion, guards, 0, RESAMPLES)
    assert (decision.verdict == "promote") == all(c.passed for c in decision.checks)
    first = decision.checks[0]
    if decision.verdict == "promote":
        assert first.change > 0
        assert first.p is not None
        assert first.p < guards.significance
        for found in decision.checks[1:]:
            rise = found.change if found.metric == "ppl" else -found.change
            assert rise <= (guards.ppl_rise if found.metric == "ppl" else guards.mattr_fall) + 1e-9
    if champion is not None:
        # Of two adapters at most one can take the other's place.
        back = decide(champion, base, candidate, guards, 0, RESAMPLES)
        assert "keep" in (decision.verdict, back.verdict)


@given(RESULT, RESULT, GUARDS)
@settings(max_examples=20)
def test_an_adapter_that_does_the_same_is_not_promoted(
    same: EvaluationResult, base: EvaluationResult, guards: Guards
) -> None:
    decision = decide(same, base, same, guards, 0, RESAMPLES)
    assert decision.verdict == "keep"
    assert check(decision, "parse_success").p == 1.0
