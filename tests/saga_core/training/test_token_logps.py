from __future__ import annotations

import torch
from transformers import AutoModelForCausalLM
from trl.trainer.utils import add_fused_lm_head

from saga_core.training.head import Head, frozen_head
from saga_core.training.token_logps import TokenLogProbs, install


def test_values_and_gradient_are_those_of_a_dense_float64_calculation() -> None:
    torch.manual_seed(0)
    hidden, weight, labels = torch.randn(150, 12), torch.randn(9_000, 12), torch.randint(9_000, (150,))
    upstream = torch.randn(150)
    dense = hidden.double().requires_grad_()
    log_p = (dense @ weight.double().t()).log_softmax(-1)
    expected = log_p.gather(1, labels[:, None])[:, 0]
    (expected * upstream).sum().backward()
    hidden.requires_grad_()
    log_probs, entropy, mean_logits, hits = TokenLogProbs.apply(hidden, labels, Head(weight))
    (log_probs * upstream).sum().backward()
    torch.testing.assert_close(log_probs.double(), expected, rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(hidden.grad.double(), dense.grad, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(entropy.double(), -(log_p.exp() * log_p).sum(-1), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(mean_logits, (hidden @ weight.t()).mean(-1), rtol=1e-4, atol=1e-4)
    assert torch.equal(hits, log_p.argmax(-1) == labels)


def test_model_answers_as_with_trls_own_head(base: str) -> None:
    torch.manual_seed(0)
    theirs, ours = (AutoModelForCausalLM.from_pretrained(base) for _ in range(2))
    add_fused_lm_head(theirs, outputs=("log_probs", "entropy", "mean_logits", "is_top1"))
    # Where TRL has been before, as in its trainers.
    add_fused_lm_head(ours)
    install(ours, frozen_head(ours))
    ids = torch.randint(3, 6_000, (3, 20))
    labels = ids.masked_fill(torch.rand(ids.shape) < 0.4, -100)
    answers = [m(input_ids=ids, labels=labels, fused_lm_head=True, use_cache=False) for m in (theirs, ours)]
    for name in ("log_probs", "entropy", "mean_logits", "is_top1", "label_mask"):
        torch.testing.assert_close(getattr(answers[1], name), getattr(answers[0], name), rtol=1e-5, atol=1e-5)
    for answer in answers:
        answer.log_probs.square().sum().backward()
    key = "model.layers.0.mlp.up_proj.weight"
    torch.testing.assert_close(ours.get_parameter(key).grad, theirs.get_parameter(key).grad, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(ours(ids).logits, theirs(ids).logits)


def test_batch_without_targets_still_has_a_gradient(base: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(base)
    install(model, frozen_head(model))
    ids = torch.arange(6)[None]
    answer = model(input_ids=ids, labels=torch.full_like(ids, -100), fused_lm_head=True)
    answer.log_probs.sum().backward()
    assert not answer.log_probs.any()
