"""Labelled sentences: scored as ScaLA's are, compared by AUROC."""

from __future__ import annotations

from typing import Any

import pytest

from saga_core.evaluation.acceptability import (
    AcceptabilityItem,
    AcceptabilityOutcome,
    acceptability_auroc,
    label_samples,
    score_sentences,
)
from saga_core.evaluation.likelihood import log_probs


def test_a_sentence_has_the_mean_log_probability_of_its_tokens(tiny: tuple[Any, Any]) -> None:
    items = [AcceptabilityItem("Filmen er ikke god.", True), AcceptabilityItem("Filmen god ikke er.", False)]
    ticks: list[int] = []
    scored = score_sentences(*tiny, [("a", items[0]), ("b", items[1])], 2, lambda n=1: ticks.append(n))
    means = [float(v.mean()) for v in log_probs(*tiny, [i.text for i in items], 1, lambda n=1: None)]
    assert [(o.item_id, o.right) for o in scored] == [("a", True), ("b", False)]
    assert [o.score for o in scored] == pytest.approx(means, rel=1e-5)
    assert scored[0].score > scored[1].score
    assert sum(ticks) == 2


def test_the_area_is_over_all_sentences_and_its_interval_within_0_and_1() -> None:
    outcomes = [AcceptabilityOutcome(str(i), i % 2 == 0, float(i % 2 == 0) + i % 3) for i in range(60)]
    estimate = acceptability_auroc(outcomes)
    good, bad = label_samples(outcomes)
    by_hand = sum((g > b) + 0.5 * (g == b) for g in good for b in bad) / (len(good) * len(bad))
    assert estimate.value == pytest.approx(by_hand)
    assert 0.0 <= estimate.low < estimate.value < estimate.high <= 1.0
    assert estimate.n == 60
