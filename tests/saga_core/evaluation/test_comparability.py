from __future__ import annotations

from typing import Any

import pytest
from evaluation_results import result_of

from saga_core.evaluation.comparability import incomparable, incomparable_metrics


def _payload(**changes: object) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "stage": "evaluate",
        "version": 3,
        "settings": {"evaluation": {"sampling": {"temperature": 0.8}, "reading": None}, "language": "nb", "seed": 0},
        "outside": {"model": {"sha256": "a"}, "evaluator": {"library": "1.10"}, "treebank": {"sha256": "t"}},
        "inputs": {"data": "d", "dpo": "x", "evaluate_base": "y"},
    }
    return payload | changes


def test_another_adapter_and_another_base_are_what_is_compared() -> None:
    other = _payload(inputs={"data": "d", "dpo": "z", "evaluate_base": "w"})
    other["outside"] = other["outside"] | {"model": {"sha256": "b"}}
    assert incomparable(_payload(), other) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 4}, "made by version 4 of the stage evaluate, not 3"),
        ({"settings": _payload()["settings"] | {"seed": 1}}, "seed is 1, not 0"),
        (
            {"settings": _payload()["settings"] | {"evaluation": {"sampling": {"temperature": 0.8}}}},
            "evaluation.reading is absent, not none",
        ),
        (
            {"outside": {"model": {}, "evaluator": {"library": "1.11"}, "treebank": {"sha256": "t"}}},
            "another evaluator, or another version of it",
        ),
        (
            {"outside": {"model": {}, "evaluator": {"library": "1.10"}, "treebank": {"sha256": "u"}}},
            "other sentences of ScaLA",
        ),
        (
            {"outside": _payload()["outside"] | {"judge": {"kind": "spacy"}}},
            "another judge, or another version of it",
        ),
        ({"inputs": {"data": "e", "dpo": "x", "evaluate_base": "y"}}, r"measured on other items (data differs)"),
    ],
)
def test_each_difference_is_a_reason(changes: dict[str, Any], reason: str) -> None:
    assert incomparable(_payload(), _payload(**changes)) == [reason]
    assert len(incomparable(_payload(**changes), _payload())) == 1


def test_every_reason_is_told() -> None:
    other = _payload(version=4, inputs={"items": "i"}, outside={"evaluator": {"library": "2"}})
    assert incomparable(_payload(), other) == [
        "made by version 4 of the stage evaluate, not 3",
        "another evaluator, or another version of it",
        "other sentences of ScaLA",
        "measured on other items (data, items differs)",
    ]


def test_a_perplexity_is_left_out_where_the_tokens_are_others() -> None:
    assert incomparable_metrics([result_of(0), result_of(1)]) == {}
    assert list(incomparable_metrics([result_of(0), result_of(1, tokens=30)])) == ["ppl"]
