from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.corpus.treebank import TreebankSentence, join_tokens
from saga_core.errors import StageError
from saga_core.evaluation.scala import (
    ScalaOutcome,
    ScalaPair,
    breakdown,
    build_pairs,
    scala_auroc,
    score_pairs,
)

_UPOS = ["NOUN", "PROPN", "VERB", "AUX", "PRON", "ADP", "DET", "ADJ", "ADV", "PUNCT", "NUM", "CCONJ", "PART", "SYM"]
_TOKEN = st.tuples(st.sampled_from(_UPOS), st.sampled_from(["", "a", "B", "NRK", "Æ"]))


@st.composite
def _sentences(draw: st.DrawFn) -> TreebankSentence:
    tokens = draw(st.lists(_TOKEN, min_size=1, max_size=14))
    # Every form is unique, so that a test can tell what was done.
    forms = tuple(("." if upos == "PUNCT" else f"{stem}w{i}x") for i, (upos, stem) in enumerate(tokens))
    return TreebankSentence(join_tokens(forms), forms, tuple(upos for upos, _ in tokens), ())


_BOOK = TreebankSentence(
    "I går leste hun den gamle boka, sa NRK.",
    ("I", "går", "leste", "hun", "den", "gamle", "boka", ",", "sa", "NRK", "."),
    ("ADP", "NOUN", "VERB", "PRON", "DET", "ADJ", "NOUN", "PUNCT", "VERB", "PROPN", "PUNCT"),
    (),
)


def _pair(sentence: TreebankSentence, seed: int) -> ScalaPair | None:
    try:
        (pair,) = build_pairs([sentence], 1, seed)
    except StageError:
        return None
    return pair


@given(_sentences(), st.integers(0, 2**31))
def test_only_allowed_corruptions_happen(sentence: TreebankSentence, seed: int) -> None:
    pair = _pair(sentence, seed)
    if pair is None:
        return
    forms, upos = sentence.forms, sentence.upos
    assert pair.good == join_tokens(forms)
    assert pair.bad != pair.good
    if pair.corruption == "delete":
        gone = [i for i in range(len(forms)) if join_tokens([*forms[:i], *forms[i + 1 :]]) == pair.bad]
        assert gone
        assert all(upos[i] not in {"ADJ", "ADV", "PUNCT", "SYM", "DET", "NUM", "PART"} for i in gone)
        neighbours = [set(upos[max(i - 1, 0) : i] + upos[i + 1 : i + 2]) for i in gone]
        assert not any(
            upos[i] in {"NOUN", "PROPN"} and near & {"NOUN", "PROPN"} for i, near in zip(gone, neighbours, strict=True)
        )
        return
    flipped = []
    for i in range(len(forms) - 1):
        left, right = forms[i + 1], forms[i]
        if i == 0:
            left, right = left[0].upper() + left[1:], right if right.isupper() else right.lower()
        if join_tokens([*forms[:i], left, right, *forms[i + 2 :]]) == pair.bad:
            flipped.append(i)
    assert len(flipped) == 1
    both = {upos[flipped[0]], upos[flipped[0] + 1]}
    assert len(both) == 2
    assert both != {"PRON", "AUX"}
    assert not both & {"PUNCT", "SYM"}


@given(_sentences(), st.integers(0, 2**31))
def test_a_corruption_depends_on_seed_and_sentence_alone(sentence: TreebankSentence, seed: int) -> None:
    pair = _pair(sentence, seed)
    assert pair == _pair(sentence, seed)
    among = build_pairs([_BOOK, sentence], 2, seed)
    assert (pair in among) == (pair is not None)


def test_seeds_give_both_corruptions_about_equally() -> None:
    pairs = [_pair(_BOOK, seed) for seed in range(400)]
    counts = Counter(pair.corruption for pair in pairs if pair)
    assert counts.total() == 400
    assert 160 < counts["flip"] < 240
    assert len({pair.bad for pair in pairs if pair}) > 8


def test_a_flip_at_the_start_moves_the_capital() -> None:
    first = [pair.bad.split()[:2] for pair in _flips(_BOOK)]
    # "I" is all capitals, and stays as the rule has it.
    assert ["Går", "I"] in first
    monday = TreebankSentence(_BOOK.text, ("Mandag", *_BOOK.forms[1:]), ("ADV", *_BOOK.upos[1:]), ())
    assert ["Går", "mandag"] in [pair.bad.split()[:2] for pair in _flips(monday)]


def _flips(sentence: TreebankSentence) -> list[ScalaPair]:
    pairs = [_pair(sentence, seed) for seed in range(200)]
    return [pair for pair in pairs if pair is not None and pair.corruption == "flip"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"forms": _BOOK.forms[:5], "upos": ("ADP", "NOUN", "VERB", "PRON", "DET")}, "five tokens"),
        ({"upos": ("ADP", "NOUN", "VERB", "PRON", "DET") + ("NOUN",) * 6}, "five parts of speech"),
        ({"text": 'Hun sa "ja og gikk.'}, "odd number of quotes"),
        ({"upos": ("PUNCT", *_BOOK.upos[1:])}, "starts with punctuation"),
        ({"upos": ("SYM", *_BOOK.upos[1:])}, "starts with a symbol"),
        ({"text": "a = b = c"}, "two equal signs"),
        ({"text": "a" * 5_001}, "too long"),
    ],
)
def test_filters(change: dict[str, Any], why: str) -> None:
    assert _pair(_BOOK, 0) is not None
    assert _pair(TreebankSentence(**{**vars(_BOOK), **change}), 0) is None, why


def test_duplicates_count_once_and_n_is_the_most() -> None:
    others = [TreebankSentence(f"{_BOOK.text} {i}", _BOOK.forms, _BOOK.upos, ()) for i in range(5)]
    assert len(build_pairs([_BOOK, _BOOK, *others], 10, 0)) == 6
    assert build_pairs(others, 3, 0) == build_pairs(others, 5, 0)[:3]


def test_a_model_of_norwegian_prefers_intact_sentences(tiny: tuple[Any, Any]) -> None:
    pairs = [(str(seed), pair) for seed in range(60) if (pair := _pair(_BOOK, seed))]
    outcomes = score_pairs(*tiny, pairs, 16, lambda done=1: None)
    assert [o.item_id for o in outcomes] == [name for name, _ in pairs]
    assert scala_auroc(outcomes, 0, 200).value > 0.6
    details = breakdown(outcomes, 0, 200)
    assert list(details) == ["auroc_delete", "auroc_flip", "paired_accuracy"]
    assert details["paired_accuracy"].n == 60


def test_breakdown_leaves_out_a_corruption_that_is_not_there() -> None:
    outcomes = [ScalaOutcome("a", "flip", -1.0, -2.0), ScalaOutcome("b", "flip", -3.0, -3.0)]
    details = breakdown(outcomes, 0, 200)
    assert list(details) == ["auroc_flip", "paired_accuracy"]
    assert details["paired_accuracy"].value == 0.75
