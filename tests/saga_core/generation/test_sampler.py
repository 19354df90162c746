from __future__ import annotations

import copy
import itertools
from typing import Any

import numpy as np
import pytest
import scipy
import torch

from saga_core.errors import StageError
from saga_core.generation.request import Completion, Request
from saga_core.generation.sampler import _RowNoise, sample
from saga_core.progress import Tick

_STARTS = [
    "Filmen er",
    "Dette er en bok som",
    "Jeg",
    "Boken handler om en ung mann som bor i Oslo, og som",
    "Spillet",
    "Det er ikke lett å si hvorfor denne plata, som kom i fjor, er",
    "Hun synger",
]
_REQUESTS = [
    Request(f"p{i}", start, temperature, k)
    for (i, start), temperature, k in itertools.product(enumerate(_STARTS), (0.7, 1.1), range(5))
]


def _sample(
    tiny: tuple[Any, Any],
    requests: list[Request],
    batch_size: int = 64,
    *,
    max_new_tokens: int = 24,
    repetition_penalty: float = 1.3,
    seed: int = 1,
    tick: Tick = lambda done=1: None,
) -> list[Completion]:
    return sample(
        *tiny,
        requests,
        max_new_tokens=max_new_tokens,
        repetition_penalty=repetition_penalty,
        seed=seed,
        batch_size=batch_size,
        tick=tick,
    )


@pytest.fixture(scope="module")
def drawn(tiny: tuple[Any, Any]) -> list[Completion]:
    return _sample(tiny, _REQUESTS)


def test_completions_come_in_the_order_of_the_requests(drawn: list[Completion]) -> None:
    assert [c.request for c in drawn] == _REQUESTS


@pytest.mark.parametrize(("batch_size", "rows"), [(7, 70), (1, 20)])
def test_a_text_does_not_depend_on_its_batch(
    tiny: tuple[Any, Any], drawn: list[Completion], batch_size: int, rows: int
) -> None:
    assert _sample(tiny, _REQUESTS[-rows:], batch_size) == drawn[-rows:]


def test_a_text_does_not_depend_on_which_other_rows_are_asked_for(
    tiny: tuple[Any, Any], drawn: list[Completion]
) -> None:
    assert _sample(tiny, list(reversed(_REQUESTS[::3]))) == list(reversed(drawn[::3]))


def test_padding_by_the_end_of_text_token_changes_no_text(tiny: tuple[Any, Any]) -> None:
    # Were the repetition penalty to see the padding, no row of a short prompt would ever end.
    model, tokenizer = tiny
    other = copy.deepcopy(tokenizer)
    other.pad_token = other.eos_token
    prompts = [
        "Terningkast fem.",
        "Dette er en god film, og den varer i nesten to timer til sammen, men det er helt greit.",
    ]
    requests = [Request(prompt, prompt, 1.0, k) for prompt in prompts for k in range(24)]
    completions = _sample((model, other), requests, max_new_tokens=50, repetition_penalty=50.0)
    assert any(c.finished for c in completions[:24])
    assert completions == _sample(tiny, requests, max_new_tokens=50, repetition_penalty=50.0)


def test_draws_differ_by_key_temperature_k_and_seed(tiny: tuple[Any, Any]) -> None:
    base = Request("a", "Filmen er", 0.8, 0)
    others = [Request("b", "Filmen er", 0.8, 0), Request("a", "Filmen er", 0.9, 0), Request("a", "Filmen er", 0.8, 1)]
    texts = [c.text for c in _sample(tiny, [base, *others])] + [_sample(tiny, [base], seed=2)[0].text]
    assert len(set(texts)) == 5


def test_prompt_and_text_read_on(tiny: tuple[Any, Any], drawn: list[Completion]) -> None:
    _, tokenizer = tiny
    for c in drawn:
        assert "\ufffd" not in c.text
        # Words go on after a space, which belongs to the text.
        assert not c.text or not c.text[0].isalpha() or not c.request.prompt.endswith(" ")
        assert c.tokens <= 24
        assert c.finished or c.tokens == 24
        assert tokenizer.eos_token not in c.text
    assert sum(c.text.startswith(" ") for c in drawn) > len(drawn) / 2


def test_finished_means_that_the_model_ended_the_text(tiny: tuple[Any, Any]) -> None:
    requests = [Request("a", "Dette er en god film.", 1.0, k) for k in range(64)]
    completions = _sample(tiny, requests, max_new_tokens=60)
    finished = [c for c in completions if c.finished]
    assert 0 < len(finished) < 64
    assert all(c.tokens == 60 for c in completions if not c.finished)
    assert any(c.tokens < 60 for c in finished)


def test_repetition_penalty_applies_to_the_prompt_and_before_the_noise(tiny: tuple[Any, Any]) -> None:
    _, tokenizer = tiny
    prompt = "Det er en film, det er en bok, det er"
    for c in _sample(tiny, [Request("a", prompt, 0.7, k) for k in range(8)], repetition_penalty=1e6):
        new = tokenizer(c.text, add_special_tokens=False)["input_ids"]
        assert not set(new) & set(tokenizer(prompt)["input_ids"])


def test_defaults_of_the_models_generation_configuration_do_not_leak_in(
    tiny: tuple[Any, Any], drawn: list[Completion], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny[0].generation_config
    for name, value in {"do_sample": True, "top_k": 1, "top_p": 0.1, "no_repeat_ngram_size": 2, "num_beams": 3}.items():
        monkeypatch.setattr(config, name, value)
    assert _sample(tiny, _REQUESTS) == drawn


def test_any_of_the_models_end_tokens_ends_a_text(
    tiny: tuple[Any, Any], drawn: list[Completion], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = tiny
    comma = tokenizer(",", add_special_tokens=False)["input_ids"][0]
    monkeypatch.setattr(model.generation_config, "eos_token_id", [tokenizer.eos_token_id, comma])
    ended = _sample(tiny, _REQUESTS)
    assert all(whole.text.startswith(c.text) for c, whole in zip(ended, drawn, strict=True))
    assert all(c.finished for c, whole in zip(ended, drawn, strict=True) if c.text != whole.text)
    assert sum(c.finished for c in ended) > sum(c.finished for c in drawn)


def test_noise_makes_the_greatest_score_a_draw_from_the_softmax() -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, float("-inf"), -4.0])
    temperature, rows, steps = 0.7, 500, 40
    noise = _RowNoise(range(rows), [temperature] * rows, torch.device("cpu"))
    scores = logits.expand(rows, -1)
    drawn = torch.cat([noise(torch.empty(0), scores).argmax(-1) for _ in range(steps)])
    counts = np.bincount(drawn.numpy(), minlength=6)
    expected = torch.softmax(logits.double() / temperature, -1).numpy() * rows * steps
    assert counts[4] == 0
    kept = [0, 1, 2, 3, 5]
    assert scipy.stats.chisquare(counts[kept], expected[kept]).pvalue > 1e-3


def test_noise_keeps_the_odds_of_rare_tokens() -> None:
    # 2,000 tokens of one chance in 100,000 each, beside one that takes the rest.
    logits = torch.tensor([0.98] + [1e-5] * 2_000).log()
    noise = _RowNoise(range(200), [1.0] * 200, torch.device("cpu"))
    drawn = torch.cat([noise(torch.empty(0), logits.expand(200, -1)).argmax(-1) for _ in range(50)])
    assert scipy.stats.binomtest(int((drawn > 0).sum()), 10_000, 0.02).pvalue > 1e-3


def test_a_prompt_that_leaves_no_room_is_refused(tiny: tuple[Any, Any]) -> None:
    with pytest.raises(StageError, match=r"prompt long: .* exceed the context of 256 tokens"):
        _sample(tiny, [Request("long", "bok " * 250, 0.8, 0)])


def test_no_request_is_no_completion(tiny: tuple[Any, Any]) -> None:
    assert _sample(tiny, []) == []


def test_tick_counts_every_row(tiny: tuple[Any, Any]) -> None:
    done: list[int] = []
    _sample(tiny, _REQUESTS[:10], batch_size=4, max_new_tokens=2, tick=lambda n=1: done.append(n))
    assert done == [4, 4, 2]
