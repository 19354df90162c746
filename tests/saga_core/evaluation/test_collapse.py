"""The signs of a trick: figures that are known by hand, and that move the way a trick moves them."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.evaluation.collapse import (
    SetStatistic,
    apart,
    distinct_2,
    duplicates,
    opener_entropy,
    overlaps,
    self_bleu,
)

texts = st.lists(
    st.lists(st.sampled_from(["en", "to", "tre", "fire", "fem"]), max_size=6).map(" ".join), min_size=2, max_size=6
)


def test_distinct_2_by_hand() -> None:
    value, without = distinct_2(["en to tre", "En to!", "fire fem"])
    # en to, to tre, en to, fire fem.
    assert value == pytest.approx(3 / 4)
    assert list(without) == pytest.approx([2 / 2, 3 / 3, 2 / 3])
    assert distinct_2(["", "ord"])[0] == 0.0


def test_opener_entropy_by_hand() -> None:
    value, without = opener_entropy([["han", "hun"], ["det"], ["han"]])
    assert value == pytest.approx(1.5)
    assert without[1] == pytest.approx(-(2 / 3) * math.log2(2 / 3) - (1 / 3) * math.log2(1 / 3))
    assert opener_entropy([["han"], ["han"]])[0] == 0.0
    assert opener_entropy([[], []])[0] == 0.0


@pytest.mark.parametrize("statistic", [distinct_2, lambda some: opener_entropy([text.split() for text in some])])
@given(some=texts)
def test_the_value_without_a_text_is_that_of_the_others(
    statistic: Callable[[list[str]], SetStatistic], some: list[str]
) -> None:
    _, without = statistic(some)
    for i, value in enumerate(without):
        assert value == pytest.approx(statistic(some[:i] + some[i + 1 :])[0])


def test_self_bleu_is_one_for_copies_and_low_for_texts_of_their_own() -> None:
    own = [
        "Katten sover på den varme steinen.",
        "I morgen reiser vi til Bergen med tog.",
        "Prisene steg kraftig i fjor høst.",
    ]
    assert max(self_bleu(own, 0)) < 0.15
    assert self_bleu([own[0]] * 3, 0) == pytest.approx([1.0] * 3)
    # Of more than a hundred others a hundred are drawn, by seed.
    many = [f"{own[n % 3]} Nummer {n}." for n in range(120)]
    assert self_bleu(many, 1) == self_bleu(many, 1)
    assert self_bleu(["alene"], 0) == [0.0]


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
