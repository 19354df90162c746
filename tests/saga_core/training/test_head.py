from __future__ import annotations

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, CohereConfig, CohereForCausalLM, Gemma2Config, Gemma2ForCausalLM

from saga_core.errors import UserError
from saga_core.training.head import Head, Projection, frozen_head

SIZES = {
    "vocab_size": 50,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
}


def test_head_of_a_model_gives_its_logits(base: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(base)
    ids = torch.arange(20)[None]
    hidden = model.base_model(ids).last_hidden_state[0]
    logits = Projection(frozen_head(model), hidden)(hidden)
    torch.testing.assert_close(logits, model(ids).logits[0], rtol=1e-5, atol=1e-5)


def test_soft_cap_is_part_of_the_head() -> None:
    torch.manual_seed(0)
    model = Gemma2ForCausalLM(Gemma2Config(**SIZES, final_logit_softcapping=0.5, initializer_range=0.5))
    ids = torch.arange(9)[None]
    hidden = model.base_model(ids).last_hidden_state[0]
    logits = Projection(frozen_head(model), hidden)(hidden)
    assert logits.abs().max() <= 0.5
    torch.testing.assert_close(logits, model(ids).logits[0], rtol=1e-4, atol=1e-5)


def test_model_that_scales_its_logits_is_refused() -> None:
    torch.manual_seed(0)
    sizes = {key: value for key, value in SIZES.items() if key != "head_dim"}
    model = CohereForCausalLM(CohereConfig(**sizes, logit_scale=0.25, initializer_range=0.5, pad_token_id=0))
    with pytest.raises(UserError, match="CohereForCausalLM scales its logits"):
        frozen_head(model)


@pytest.mark.parametrize("softcap", [None, 2.0])
@pytest.mark.parametrize("bias", [None, torch.linspace(-1, 1, 11)])
def test_pull_back_is_the_gradient(softcap: float | None, bias: Tensor | None) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(7, 5, requires_grad=True)
    weight, slope = torch.randn(11, 5), torch.randn(7, 11)
    logits = hidden @ weight.t() + (0 if bias is None else bias)
    logits = logits if softcap is None else softcap * torch.tanh(logits / softcap)
    (logits * slope).sum().backward()
    project = Projection(Head(weight, bias, softcap), hidden)
    with torch.no_grad():
        torch.testing.assert_close(project(hidden), logits)
        torch.testing.assert_close(project.pull_back(slope.clone(), logits), hidden.grad)


def test_bfloat16_rounds_operands_but_not_logits() -> None:
    torch.manual_seed(0)
    hidden, weight = torch.randn(7, 32), torch.randn(11, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = Projection(Head(weight), hidden)(hidden)
    assert logits.dtype == torch.float32
    exact = hidden.bfloat16().double() @ weight.bfloat16().double().t()
    torch.testing.assert_close(logits.double(), exact, rtol=1e-5, atol=1e-5)
    assert (logits - hidden @ weight.t()).abs().max() > 1e-3


def test_chunks_cover_all_tokens_once() -> None:
    project = Projection(Head(torch.zeros(40_000, 2)), torch.zeros(1, 2))
    for tokens in (0, 1, 64, 65, 200):
        taken = [i for here in project.chunks(tokens) for i in range(tokens)[here]]
        assert taken == list(range(tokens))
