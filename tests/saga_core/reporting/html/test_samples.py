"""The sample of texts: failures are seen however rare, and the same prompts give the same sample."""

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from saga_core.reporting.html.run_facts import Prompted, Written
from saga_core.reporting.html.samples import OUTCOMES, SHOWN, draw, outcome


def prompted(number: int, before: bool | None, after: bool | None) -> Prompted:
    return Prompted(f"p{number}", "Han", None, Written("x", before), Written("y", after))


def many(gained: int, lost: int, fail: int, succeed: int) -> list[Prompted]:
    verdicts = [(False, True)] * gained + [(True, False)] * lost + [(False, False)] * fail + [(True, True)] * succeed
    return [prompted(number, *verdict) for number, verdict in enumerate(verdicts)]


def test_the_outcomes() -> None:
    assert outcome(prompted(0, False, True)) == "gained"
    assert outcome(prompted(0, True, False)) == "lost"
    assert outcome(prompted(0, None, None)) == "both_fail"
    assert outcome(prompted(0, True, True)) == "both_pass"


def test_a_rare_outcome_is_shown_whole_and_the_others_fill_up() -> None:
    drawn = draw(many(100, 2, 0, 98), seed=0)
    assert {name: len(some) for name, some in drawn.texts.items()} == {
        "gained": 14,
        "lost": 2,
        "both_fail": 0,
        "both_pass": 14,
    }
    assert (drawn.counts["gained"], drawn.total) == (100, 200)


def test_another_seed_draws_others() -> None:
    all_ = many(100, 100, 100, 100)
    assert draw(all_, 0).texts["lost"] != draw(all_, 1).texts["lost"]


@given(st.tuples(*[st.integers(0, 40)] * 4), st.integers(0, 5), st.randoms())
def test_any_run_gives_one_sample_of_its_own_texts(
    sizes: tuple[int, int, int, int], seed: int, order: random.Random
) -> None:
    all_ = many(*sizes)
    drawn = draw(all_, seed)
    shown = [each for some in drawn.texts.values() for each in some]
    assert len(shown) == len({each.item_id for each in shown}) == min(SHOWN, len(all_))
    assert all(outcome(each) == name for name, some in drawn.texts.items() for each in some)
    assert Counter(drawn.counts) == Counter({name: n for name, n in zip(OUTCOMES, sizes, strict=True) if n})
    # As even as the run allows: nobody waits while another takes two more.
    left = [len(some) for name, some in drawn.texts.items() if len(some) < drawn.counts[name]]
    assert all(len(some) <= min(left, default=SHOWN) + 1 for some in drawn.texts.values())
    shuffled = list(all_)
    order.shuffle(shuffled)
    assert draw(shuffled, seed) == drawn
