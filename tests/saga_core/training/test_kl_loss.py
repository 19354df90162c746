from __future__ import annotations

import pytest
import torch
from torch import Tensor

from saga_core.training.head import Head
from saga_core.training.kl_loss import CrossEntropyAndKL

TOKENS, HIDDEN, VOCABULARY = 150, 12, 9_000  # three chunks


def _case(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    torch.manual_seed(seed)
    policy = torch.randn(TOKENS, HIDDEN)
    base = policy + 0.3 * torch.randn(TOKENS, HIDDEN)
    return policy, base, torch.randn(VOCABULARY, HIDDEN), torch.randint(VOCABULARY, (TOKENS,))


def _dense(
    policy: Tensor, base: Tensor, weight: Tensor, labels: Tensor, kl_weight: float, softcap: float | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Cross-entropy, KL and the loss's gradient by float64 and autograd."""
    policy = policy.double().requires_grad_()
    logits = [hidden @ weight.double().t() for hidden in (policy, base.double())]
    if softcap is not None:
        logits = [softcap * torch.tanh(z / softcap) for z in logits]
    log_p, log_q = (z.log_softmax(-1) for z in logits)
    ce = torch.nn.functional.nll_loss(log_p, labels, reduction="sum")
    kl = (log_p.exp() * (log_p - log_q)).sum()
    (ce + kl_weight * kl).backward()
    assert policy.grad is not None
    return ce, kl, policy.grad


@pytest.mark.parametrize(("kl_weight", "softcap"), [(0.1, None), (5.0, None), (0.0, None), (0.7, 3.0)])
def test_loss_and_gradient_are_those_of_a_dense_float64_calculation(kl_weight: float, softcap: float | None) -> None:
    policy, base, weight, labels = _case()
    ce, kl, gradient = _dense(policy, base, weight, labels, kl_weight, softcap)
    policy.requires_grad_()
    loss, got_ce, got_kl, hits = CrossEntropyAndKL.apply(policy, base, labels, Head(weight, None, softcap), kl_weight)
    (2 * loss).backward()
    assert loss.item() == pytest.approx((ce + kl_weight * kl).item(), rel=1e-6)
    assert got_ce.item() == pytest.approx(ce.item(), rel=1e-6)
    assert got_kl.item() == pytest.approx(kl.item(), rel=1e-5)
    assert (policy.grad / 2 - gradient).abs().max() < 1e-5 * gradient.abs().max()
    assert 0 <= hits <= TOKENS


def test_equal_models_have_no_divergence_and_the_plain_gradient() -> None:
    policy, _, weight, labels = _case()
    policy.requires_grad_()
    loss, ce, kl, _ = CrossEntropyAndKL.apply(policy, policy.detach(), labels, Head(weight), 3.0)
    assert kl.item() == pytest.approx(0.0, abs=1e-4)
    assert loss.item() == pytest.approx(ce.item(), rel=1e-6)
    loss.backward()
    _, _, gradient = _dense(policy.detach(), policy.detach(), weight, labels, 0.0, None)
    assert (policy.grad - gradient).abs().max() < 1e-5 * gradient.abs().max()


def test_divergence_is_of_the_policy_from_the_base_not_the_other_way() -> None:
    # The policy is sure, the base is not: KL(p || q) = log 2, while KL(q || p) is much larger.
    head = Head(torch.tensor([[20.0], [-20.0]]))
    _, _, kl, hits = CrossEntropyAndKL.apply(torch.ones(1, 1), torch.zeros(1, 1), torch.zeros(1).long(), head, 1.0)
    assert kl.item() == pytest.approx(0.693147, abs=1e-5)
    assert hits == 1
