from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from saga_core.errors import StageError
from saga_core.evaluation.likelihood import _windows, log_probs

_TEXTS = ["Dette er en bok.", "Ja", "Hun synger en sang om havet, og den er lang og vakker.", "æøå €", "Filmen er god."]


def _score(tiny: tuple[Any, Any], texts: list[str], batch_size: int = 8, stride: int | None = None) -> list[Any]:
    return log_probs(*tiny, texts, batch_size, lambda done=1: None, stride)


def _reference(model: Any, ids: list[int]) -> np.ndarray:  # noqa: ANN401
    with torch.no_grad():
        table = model(input_ids=torch.tensor([ids])).logits[0, :-1].double().log_softmax(-1)
    return table[torch.arange(len(ids) - 1), torch.tensor(ids[1:])].numpy()


@pytest.mark.parametrize("batch_size", [1, 2, 8])
def test_equals_the_softmax_of_one_text_alone(tiny: tuple[Any, Any], batch_size: int) -> None:
    model, tokenizer = tiny
    for text, scored in zip(_TEXTS, _score(tiny, _TEXTS, batch_size), strict=True):
        assert scored == pytest.approx(_reference(model, tokenizer(text)["input_ids"]), abs=1e-4)
        assert scored.dtype == np.float64
        assert (scored < 0).all()


def test_the_start_token_is_put_first_once_whatever_the_tokenizer_does(tiny: tuple[Any, Any]) -> None:
    model, tokenizer = tiny
    bare = copy.deepcopy(tokenizer)
    bare.backend_tokenizer.post_processor = None
    assert bare("Ja")["input_ids"] == tokenizer("Ja")["input_ids"][1:]
    for one, other in zip(_score((model, bare), _TEXTS), _score(tiny, _TEXTS), strict=True):
        assert one.tolist() == other.tolist()


def test_without_begin_of_text_the_end_of_text_starts_and_without_both_nothing(tiny: tuple[Any, Any]) -> None:
    model, tokenizer = tiny
    other = copy.deepcopy(tokenizer)
    other.bos_token = None
    ids = tokenizer(_TEXTS[0])["input_ids"]
    assert _score((model, other), _TEXTS[:1])[0] == pytest.approx(_reference(model, [1, *ids[1:]]), abs=1e-4)
    other.eos_token = None
    assert _score((model, other), _TEXTS[:1])[0] == pytest.approx(_reference(model, ids[1:]), abs=1e-4)


def test_a_long_text_is_scored_by_a_sliding_window(tiny: tuple[Any, Any]) -> None:
    model, tokenizer = tiny
    text = "Hun gikk hjem til byen, og der satt han og leste en bok. " * 40
    ids = tokenizer(text, verbose=False)["input_ids"]
    assert len(ids) > 400
    (scored,) = _score(tiny, [text], stride=100)
    assert len(scored) == len(ids) - 1
    assert scored[:255] == pytest.approx(_reference(model, ids[:256]), abs=1e-4)
    # The second window starts at token 100 and adds those from 256 on.
    assert scored[255:355] == pytest.approx(_reference(model, ids[100:356])[155:], abs=1e-4)


@given(length=st.integers(2, 400), window=st.integers(2, 64), stride=st.integers(1, 64))
def test_windows_score_every_token_once_with_half_a_window_of_context(length: int, window: int, stride: int) -> None:
    step = min(stride, window // 2)
    scored = [0]
    for begin, end, new in _windows(length, window, step):
        assert 1 <= new < end - begin <= window
        assert begin == 0 or end - new - begin >= window - step
        scored += range(end - new, end)
    assert scored == list(range(length))


def test_tick_counts_texts_not_windows(tiny: tuple[Any, Any]) -> None:
    done: list[int] = []
    log_probs(*tiny, ["Ja. " * 300, "Nei.", "Kanskje."], 2, lambda n=1: done.append(n))
    assert sum(done) == 3
    assert len(done) > 1


def test_a_text_without_a_token_is_refused(tiny: tuple[Any, Any]) -> None:
    with pytest.raises(StageError, match="no token"):
        _score(tiny, ["Ja", ""])


def test_no_text_is_no_score(tiny: tuple[Any, Any]) -> None:
    assert _score(tiny, []) == []
