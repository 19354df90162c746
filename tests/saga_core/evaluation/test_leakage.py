"""What the training has seen is found, however it is written, and what it has not seen is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.errors import StageError
from saga_core.evaluation.leakage import SIMILAR, Leak, SeenText, normal_form, require_none

_TRAINING = [
    "Kommunen ligger ved kysten og har om lag fem tusen innbyggere.",
    "Hun leste hele boka på én kveld, og den var svært god.",
    "Toget går klokka åtte hver morgen fra den gamle stasjonen.",
]
words = st.lists(st.text("abcdefghijklmnopqrstuvwxyzæøå", min_size=2, max_size=9), min_size=4, max_size=15)


@pytest.mark.parametrize(
    "sentence",
    [
        "Hun leste hele boka på én kveld, og den var svært god.",
        "HUN LESTE HELE BOKA PÅ ÉN KVELD OG DEN VAR SVÆRT GOD",
        "Hun leste hele boka på e\u0301n kveld , og den var svært god !",
        "Hun leste hele boka på én kveld, og den var veldig god.",
        "Han leste hele boka på én kveld, og den var svært god.",
    ],
)
def test_a_sentence_and_its_near_duplicates_are_found(sentence: str) -> None:
    leak = SeenText(_TRAINING).leaks([sentence])[sentence]
    assert leak.seen == _TRAINING[1]
    assert SIMILAR <= leak.similarity <= 1.0


@pytest.mark.parametrize(
    "sentence",
    [
        "Kommunen ligger i fjellet og har nesten ingen veier.",
        "Toget var forsinket da vi kom fram til byen i går kveld.",
        # Nobody's: too few words to tell anything.
        "Svært god.",
        "…",
        "",
    ],
)
def test_another_sentence_is_not_found(sentence: str) -> None:
    assert SeenText([*_TRAINING, "Svært god."]).leaks([sentence]) == {}


def test_a_sentence_inside_a_longer_one_is_found() -> None:
    inside = "Kommunestyret i Bergen vedtok planen etter flere timers debatt."
    longer = f"Etter at saken var utsatt i to år: {inside[:-1].lower()}, skriver avisen, som også melder om uro i byen."
    leak = SeenText([*_TRAINING, longer]).leaks([inside])[inside]
    assert leak.seen == longer
    # A few words may stand in any sentence.
    assert SeenText([longer]).leaks(["Saken var utsatt i."]) == {}


def test_the_nearest_sentence_is_named_among_many() -> None:
    # More than are compared at once.
    many = [f"Dette er setning nummer {n} om dyret som heter {chr(97 + n % 26) * 6}." for n in range(700)]
    asked = [sentence.replace("Dette er", "Her er") for sentence in many]
    leaks = SeenText(many).leaks(asked)
    assert leaks.keys() == set(asked)
    for sentence, leak in leaks.items():
        assert leak.similarity >= SIMILAR
        assert leak.seen in many
        if leak.similarity == 1.0:
            assert normal_form(leak.seen) == normal_form(sentence)


@given(st.lists(words, min_size=1, max_size=6), st.integers(0, 5), st.randoms())
def test_what_is_seen_is_always_found_and_the_similarity_is_jaccards(sentences: list[list[str]], at: int, rng) -> None:  # noqa: ANN001
    texts = [" ".join(sentence) for sentence in sentences]
    chosen = texts[at % len(texts)]
    assert SeenText(texts).leaks([chosen.upper() + "!"])
    changed = chosen.split()
    changed[rng.randrange(len(changed))] = "qqq"
    other = " ".join(changed)
    leaks = SeenText([chosen]).leaks([other])

    def grams(text: str) -> set[str]:
        padded = f"  {normal_form(text)}  "
        return {padded[i : i + 5] for i in range(len(padded) - 4)}

    one, two = grams(chosen), grams(other)
    jaccard = len(one & two) / len(one | two)
    assert (other in leaks) == (jaccard >= SIMILAR)
    if other in leaks:
        assert leaks[other].similarity == pytest.approx(jaccard)


def test_a_leak_fails_the_run_and_says_what_leaked() -> None:
    require_none([], "ScaLA", "leakage")
    leaks = [Leak(f"Setning {n}.", f"Setningen {n}.", 0.7 + n / 100) for n in range(5)]
    with pytest.raises(StageError, match=r"holds 5 sentences of ScaLA: 'Setning 4.' is in it as .* and 2 more"):
        require_none(leaks, "ScaLA", "leakage")
