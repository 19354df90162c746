"""The signs of a trick: figures that are known by hand, and that move the way a trick moves them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.evaluation.collapse import (
    SetStatistic,
    apart,
    as_long,
    distinct_2,
    duplicate_share,
    duplicates,
    estimate_set,
    estimate_share,
    opener_entropy,
    overlaps,
)
from saga_core.evaluation.jackknife import compare_jackknife

texts = st.lists(
    st.lists(st.sampled_from(["en", "to", "tre", "fire", "fem"]), max_size=6).map(" ".join), min_size=2, max_size=6
)


def test_distinct_2_by_hand() -> None:
    value, without = distinct_2([["en", "to", "tre"], ["en", "to"], ["fire", "fem"]])
    # en to, to tre, en to, fire fem.
    assert value == pytest.approx(3 / 4)
    assert list(without) == pytest.approx([2 / 2, 3 / 3, 2 / 3])
    assert distinct_2([[], ["ord"]])[0] == 0.0


def test_sets_are_cut_to_the_same_lengths() -> None:
    cut = as_long({"a": ["abc", "d"], "b": ["xy", "zzz"]})
    assert cut == {"a": [["a", "b"], ["d"]], "b": [["x", "y"], ["z"]]}


def test_opener_entropy_by_hand() -> None:
    value, without = opener_entropy([["han", "hun"], ["det"], ["han"]])
    assert value == pytest.approx(1.5)
    assert without[1] == pytest.approx(-(2 / 3) * math.log2(2 / 3) - (1 / 3) * math.log2(1 / 3))
    assert opener_entropy([["han"], ["han"]])[0] == 0.0
    assert opener_entropy([[], []])[0] == 0.0


def _of_words(statistic: Callable[[list[list[str]]], SetStatistic]) -> Callable[[list[str]], SetStatistic]:
    return lambda some: statistic([text.split() for text in some])


def _duplicate_share(some: list[str]) -> SetStatistic:
    return duplicate_share(duplicates(some), some)


@pytest.mark.parametrize("statistic", [_of_words(distinct_2), _of_words(opener_entropy), _duplicate_share])
@given(some=texts)
def test_the_value_without_a_text_is_that_of_the_others(
    statistic: Callable[[list[str]], SetStatistic], some: list[str]
) -> None:
    _, without = statistic(some)
    for i, value in enumerate(without):
        assert value == pytest.approx(statistic(some[:i] + some[i + 1 :])[0])


@pytest.mark.parametrize("statistic", [_of_words(distinct_2), _duplicate_share])
def test_two_draws_of_one_law_are_not_told_apart(statistic: Callable[[list[str]], SetStatistic]) -> None:
    """A test of texts one by one would call every cluster of equal texts as many changes."""
    rng = np.random.default_rng(0)

    def draw() -> list[str]:
        # One text in ten is one of four stock phrases.
        stock = rng.integers(0, 40, 60)
        return [f"stock phrase {s} here" if s < 4 else " ".join(f"w{w}" for w in rng.zipf(1.6, 12)) for s in stock]

    alarms = sum(compare_jackknife(statistic(draw()), statistic(draw())).p < 0.05 for _ in range(150))
    assert alarms <= 15


def test_no_duplicate_among_few_texts_is_no_proof_of_none() -> None:
    none, some = ([f"tekst nummer {i}" for i in range(n)] for n in (40, 38))
    estimate = estimate_share(_duplicate_share(none), 40)
    assert (estimate.value, estimate.low, estimate.n) == (0.0, 0.0, 40)
    assert estimate.high == pytest.approx(0.0876, abs=1e-4)
    repeated = [*some, some[0], some[1]]
    assert estimate_share(_duplicate_share(repeated), 40) == estimate_set(_duplicate_share(repeated), 40)


def test_texts_that_share_a_passage_are_not_apart() -> None:
    article = "I går kveld kom hun sent hjem fra byen. Der hadde hun møtt en gammel venn fra skolen."
    second = article.split(". ")[1]
    other = "Helt andre ord om helt andre ting står skrevet her i dag."
    assert apart([article, second, other, article, "Kort.", "Kort."]) == [0, 2, 4, 5]


def test_duplicates_are_told_by_their_words() -> None:
    assert duplicates(["Han kom hjem.", "han kom hjem", "Hun kom hjem.", "", "…"]) == [True, True, False, True, True]


def test_overlap_is_the_share_of_four_grams_in_the_training() -> None:
    trained = ["Han gikk hjem til sin mor i går.", "Det regner."]
    found = overlaps(
        ["Så gikk hjem til sin mor.", "han gikk hjem til", "Noe helt annet skjedde da.", "Det regner."], trained
    )
    assert found == pytest.approx([2 / 3, 1.0, 0.0, 0.0])
