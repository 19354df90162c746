from __future__ import annotations

import math
from typing import Any

import pytest

from saga_core.evaluation.likelihood import log_probs
from saga_core.evaluation.perplexity import DocumentOutcome, bits_per_byte, perplexity, score_documents

_DOCUMENTS = [
    ("a", "Dette er en god film. Den varer i to timer."),
    ("b", "Ærlig talt, så var det kjedelig på kino."),
    ("c", "Boken handler om en gutt som bor ved havet. " * 25),
]


@pytest.fixture(scope="module")
def outcomes(tiny: tuple[Any, Any]) -> list[DocumentOutcome]:
    return score_documents(*tiny, _DOCUMENTS, 64, 4, lambda done=1: None)


def test_documents_are_scored_whole(tiny: tuple[Any, Any], outcomes: list[DocumentOutcome]) -> None:
    tick = lambda done=1: None  # noqa: E731
    for (name, text), outcome in zip(_DOCUMENTS, outcomes, strict=True):
        (values,) = log_probs(*tiny, [text], 1, tick, 64)
        assert (outcome.item_id, outcome.tokens) == (name, len(values))
        assert outcome.nll == pytest.approx(-values.sum(), rel=1e-5)
        assert outcome.tokens == len(tiny[1](text, add_special_tokens=False, verbose=False)["input_ids"])
    assert outcomes[1].bytes == len(_DOCUMENTS[1][1]) + len("Æåå")


def test_figures_weigh_documents_by_their_length(outcomes: list[DocumentOutcome]) -> None:
    nll = sum(o.nll for o in outcomes)
    assert perplexity(outcomes, 0, 200).value == pytest.approx(math.exp(nll / sum(o.tokens for o in outcomes)))
    assert bits_per_byte(outcomes, 0, 200).value == pytest.approx(nll / math.log(2) / sum(o.bytes for o in outcomes))


def test_a_uniform_model_of_bytes_has_eight_bits_a_byte() -> None:
    outcomes = [DocumentOutcome(str(n), n * math.log(256), n, n) for n in (3, 40, 500)]
    assert perplexity(outcomes, 0, 200).value == pytest.approx(256)
    estimate = bits_per_byte(outcomes, 0, 200)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((8, 8, 8))


def test_norwegian_is_likelier_than_the_same_words_shuffled(tiny: tuple[Any, Any]) -> None:
    real = "Dette er en god film som varer i to timer og som jeg liker"
    documents = [("real", real), ("shuffled", " ".join(sorted(real.split())))]
    intact, shuffled = score_documents(*tiny, documents, 64, 4, lambda done=1: None)
    assert intact.nll < shuffled.nll
