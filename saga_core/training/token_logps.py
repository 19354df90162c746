"""Log-probabilities of target tokens for TRL's trainers, made for a CPU.

TRL's own head is made for Triton: on a CPU it works on tiles far larger than the cache, on prompt and padding too, and
rounds logits to bfloat16 under autocast. DPO spent more than half of its time there.
"""

from __future__ import annotations

import functools
from types import MethodType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from trl.trainer.utils import FusedCausalLMOutput

from saga_core.training.head import Head, Projection

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class TokenLogProbs(torch.autograd.Function):
    """Call it as ``TokenLogProbs.apply(hidden, labels, head)``.

    The gradient of log p_y is e_y - p at the logits whatever comes after, so it is pulled back to the hidden states in
    the forward pass, and the backward pass scales it.

    Args:
        hidden: Hidden states, [tokens, hidden].
        labels: Target tokens, [tokens].
        head: The frozen LM head.

    Returns:
        Each [tokens], only the first with a gradient: log-probability of the target (nats), entropy (nats), mean of
        the logits, and whether the target is the likeliest token.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, labels: Tensor, head: Head) -> tuple[Tensor, ...]:  # noqa: ANN401
        """Compute the four and the gradient; see the class."""
        project = Projection(head, hidden)
        gradient = torch.empty_like(hidden, dtype=torch.float32) if ctx.needs_input_grad[0] else None
        log_probs, entropy, mean_logits = hidden.new_empty(3, len(labels), dtype=torch.float32)
        hits = torch.empty_like(labels, dtype=torch.bool)
        for here in project.chunks(len(labels)):
            target = labels[here, None]
            logits = project(hidden[here])
            log_p = logits.log_softmax(-1)
            p = log_p.exp()
            log_probs[here] = log_p.gather(1, target)[:, 0]
            entropy[here] = -torch.linalg.vecdot(p, log_p)
            mean_logits[here] = logits.mean(-1)
            hits[here] = log_probs[here] == log_p.amax(-1)
            if gradient is not None:
                slope = p.neg_()
                slope.scatter_add_(1, target, torch.ones_like(target, dtype=slope.dtype))
                gradient[here] = project.pull_back(slope, logits)
        ctx.save_for_backward(gradient)
        ctx.dtype = hidden.dtype
        ctx.mark_non_differentiable(entropy, mean_logits, hits)
        return log_probs, entropy, mean_logits, hits

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """Scale the gradient of the forward pass."""
        (gradient,) = ctx.saved_tensors
        return (gradient * upstream[0][:, None]).to(ctx.dtype), None, None


def install(model: PreTrainedModel, head: Head) -> None:
    """Take the place of ``trl.trainer.utils.add_fused_lm_head`` in a model.

    Args:
        model: Causal language model, without PEFT's wrapping; called with ``fused_lm_head=True`` and ``labels``
            (-100 where there is no target) it returns TRL's ``FusedCausalLMOutput``, otherwise what it always did.
        head: Its LM head.
    """
    plain = type(model).forward

    @functools.wraps(plain)
    def forward(self: Any, *args: Any, fused_lm_head: bool = False, **kwargs: Any) -> Any:  # noqa: ANN401
        if not fused_lm_head:
            return plain(self, *args, **kwargs)
        labels = kwargs.pop("labels")[:, 1:]
        mask = labels != -100
        hidden = self.base_model(*args, **kwargs).last_hidden_state[:, :-1]
        log_probs, entropy, mean_logits, hits = (
            values.new_zeros(mask.shape).masked_scatter(mask, values)
            for values in TokenLogProbs.apply(hidden[mask], labels[mask], head)
        )
        return FusedCausalLMOutput(
            log_probs=log_probs, entropy=entropy, mean_logits=mean_logits, is_top1=hits, label_mask=mask
        )

    model.forward = MethodType(forward, model)
