from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from saga_core.judges.corruption import Tagged, corrupt
from saga_core.judges.slips import LABELS

UPOS = ("NOUN", "VERB", "PRON", "AUX", "ADP", "DET", "ADJ")
NONE, MISSING, ORDER, REPEATED, FORM = range(len(LABELS))


@given(st.lists(st.sampled_from(UPOS), min_size=3, max_size=14), st.integers(0, 2**31))
def test_what_is_made_is_where_the_labels_say(upos: list[str], seed: int) -> None:
    # Every token is its own number, so that one can see what became of it.
    keys = np.repeat(np.arange(1, len(upos) + 2, dtype=np.uint64)[:, None], 3, axis=1)
    sentence = Tagged(keys, (*upos, "PUNCT"))
    other = np.full(3, 99, dtype=np.uint64)
    made = corrupt(sentence, {1: [other]}, np.random.default_rng(seed))
    if made is None:
        return
    tokens, labels = [int(token) for token in made[0][:, 0]], made[1]
    end = len(upos) + 1
    assert tokens[-1] == end
    assert labels
    assert NONE not in labels.values()
    assert all(0 <= gap <= len(tokens) for gap in labels)
    # Wherever nothing is said to be wrong, a token follows the one that it follows in the sentence.
    for gap in range(1, len(tokens)):
        if gap not in labels and 99 not in tokens[gap - 1 : gap + 1]:
            assert tokens[gap] == tokens[gap - 1] + 1 or ORDER in labels.values()
    kinds = set(labels.values())
    if kinds == {FORM}:
        assert (tokens[0], labels) == (99, {0: FORM})
    if kinds == {MISSING}:
        assert len(tokens) < len(keys)
    if kinds == {REPEATED}:
        ((gap, _),) = labels.items()
        assert tokens[gap] in tokens[:gap]
    if kinds == {ORDER}:
        assert sorted(tokens) == list(range(1, end + 1))
        broken = {gap for gap in range(1, len(tokens)) if tokens[gap] != tokens[gap - 1] + 1}
        # Of two that are flipped the place between them is named, of more every place.
        assert set(labels) - {0} == broken or (len(labels) == 1 and set(labels) < broken)


def test_the_same_draw_makes_the_same() -> None:
    sentence = Tagged(np.arange(24, dtype=np.uint64).reshape(8, 3), ("PRON", "VERB", "ADP", *["NOUN"] * 4, "PUNCT"))
    first, second = (corrupt(sentence, {}, np.random.default_rng(3)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert np.array_equal(first[0], second[0])
    assert first[1] == second[1]
