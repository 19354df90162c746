"""Self-BLEU is sacrebleu's, of each text against others of its set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics.bleu import BLEU

from saga_core.evaluation.self_bleu import self_bleu

_words = st.sampled_from(["Katten", "katten", "sover", "på", "den", "steinen", ".", "3,5", "nord-", "»", "", "  "])


def test_self_bleu_is_one_for_copies_and_low_for_texts_of_their_own() -> None:
    own = [
        "Katten sover på den varme steinen.",
        "I morgen reiser vi til Bergen med tog.",
        "Prisene steg kraftig i fjor høst.",
    ]
    every, (mean, without) = self_bleu(own, 0)
    assert max(every) < 0.15
    assert mean == pytest.approx(sum(every) / 3)
    assert without == pytest.approx([self_bleu(own[:i] + own[i + 1 :], 0)[1][0] for i in range(3)])
    assert self_bleu([own[0]] * 3, 0)[0] == pytest.approx([1.0] * 3)
    # Of more than fifty others fifty are drawn, by seed; a tenth of the set is left out at a time.
    many = [f"{own[n % 3]} Nummer {n}." for n in range(60)]
    assert self_bleu(many, 1)[0] == self_bleu(many, 1)[0]
    assert len(self_bleu(many, 1)[1][1]) == 10
    assert self_bleu(["alene"], 0)[0] == [0.0]


@given(texts=st.lists(st.lists(_words, max_size=9).map(" ".join), min_size=2, max_size=7))
def test_it_is_sacrebleus_score_against_all_the_others_of_a_small_set(texts: list[str]) -> None:
    bleu = BLEU(effective_order=True, lowercase=True)
    known = [bleu.sentence_score(text, texts[:i] + texts[i + 1 :]).score / 100 for i, text in enumerate(texts)]
    every, (mean, _) = self_bleu(texts, 0)
    assert every == pytest.approx(known)
    assert mean == pytest.approx(sum(known) / len(known))
