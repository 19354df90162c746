"""Cross-entropy plus lambda times KL(pi_theta || pi_base), from hidden states.

With p and q the softmax of the trained and of the base model's logits and y the target token:

    loss = sum over tokens of  -log p_y + lambda * KL(p || q),   KL(p || q) = sum_v p_v (log p_v - log q_v)
    d loss / d logit_v = p_v - [v = y] + lambda * p_v (log p_v - log q_v - KL(p || q))

The LM head is frozen, so the gradient with respect to the hidden states is all that is needed: it is formed in the
forward pass, chunk by chunk, and only it is kept. TRL's kernels would form the logits eight times instead of three.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from saga_core.training.head import Head, Projection


class CrossEntropyAndKL(torch.autograd.Function):
    """Sums over tokens; call it as ``CrossEntropyAndKL.apply(policy, base, labels, head, kl_weight)``.

    Args:
        policy: Hidden states of the model in training, [tokens, hidden]; the gradient flows to these alone.
        base: Hidden states of the base model at the same tokens, [tokens, hidden].
        labels: Target token of each position, [tokens].
        head: The LM head that both models share.
        kl_weight: lambda.

    Returns:
        Loss (nats), cross-entropy (nats), KL (nats) and the number of targets that were the likeliest token; each
        a scalar summed over tokens, only the first with a gradient.
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - autograd's
        policy: Tensor,
        base: Tensor,
        labels: Tensor,
        head: Head,
        kl_weight: float,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Compute the four sums and the gradient; see the class."""
        project = Projection(head, policy)
        gradient = torch.empty_like(policy, dtype=torch.float32) if ctx.needs_input_grad[0] else None
        ce, kl, hits = (torch.zeros((), device=policy.device) for _ in range(3))
        for here in project.chunks(len(labels)):
            target = labels[here, None]
            logits = project(policy[here])
            log_p = logits.log_softmax(-1)
            gap = log_p - project(base[here]).log_softmax(-1)
            p = log_p.exp()
            token_kl = (p * gap).sum(-1, keepdim=True)
            log_p_target = log_p.gather(1, target)
            ce -= log_p_target.sum()
            kl += token_kl.sum()
            hits += (log_p_target == log_p.amax(-1, keepdim=True)).sum()
            if gradient is not None:
                slope = gap.sub_(token_kl).mul_(kl_weight).add_(1.0).mul_(p)
                slope.scatter_add_(1, target, torch.full_like(target, -1, dtype=slope.dtype))
                gradient[here] = project.pull_back(slope, logits)
        ctx.save_for_backward(gradient)
        ctx.dtype = policy.dtype
        ctx.mark_non_differentiable(ce, kl, hits)
        return ce + kl_weight * kl, ce, kl, hits

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """Scale the gradient of the forward pass."""
        (gradient,) = ctx.saved_tensors
        return (gradient * upstream[0]).to(ctx.dtype), None, None, None, None
