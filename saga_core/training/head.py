"""The frozen LM head, applied to hidden states chunk by chunk: the logits of all tokens never exist at once.

With 128,256 entries in the vocabulary the float32 logits of 2,048 tokens are a gigabyte, and a loss needs several such.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from saga_core.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Logits of a chunk: on a CPU as many as its cache holds, on a GPU more; never so few tokens that products are slow.
_CHUNK_LOGITS = {"cpu": 2**19, "cuda": 2**25}
_LEAST_TOKENS = 64


@dataclass(frozen=True, eq=False)
class Head:
    """A frozen LM head.

    Attributes:
        weight: [vocabulary, hidden].
        bias: [vocabulary], or None.
        softcap: Logits are ``softcap * tanh(logits / softcap)``, as in the Gemma family; None where they are not.
    """

    weight: Tensor
    bias: Tensor | None = None
    softcap: float | None = None


def frozen_head(model: PreTrainedModel) -> Head:
    """Return the LM head of a causal language model.

    Args:
        model: The model, in float32.

    Raises:
        UserError: The model does more to its logits than the head and a soft cap.
    """
    layer = model.get_output_embeddings()
    softcap = getattr(model.config.get_text_config(), "final_logit_softcapping", None)
    head = Head(layer.weight, getattr(layer, "bias", None), softcap)
    probe = torch.arange(4, device=model.device)[None]
    with torch.no_grad():
        hidden = model.base_model(input_ids=probe, use_cache=False).last_hidden_state[0]
        logits = Projection(head, hidden)(hidden)
        if not torch.allclose(logits, model(input_ids=probe, use_cache=False).logits[0], rtol=1e-3, atol=1e-3):
            raise UserError(
                f"{type(model).__name__} scales its logits in a way that SAGA does not know",
                "model.id",
                "choose a model of another architecture",
            )
    return head


class Projection:
    """A head, and the arithmetic in which to apply it: autocast's type where that is on, else the hidden states'.

    Products of bfloat16 operands come out in float32: logits rounded to bfloat16 would drown a KL of some thousandths
    of a nat.

    Args:
        head: The head.
        like: Hidden states that it will be applied to.
    """

    def __init__(self, head: Head, like: Tensor) -> None:
        kind = like.device.type
        self._head = head
        self._dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else like.dtype
        self._weight = self._operand(head.weight)
        self._chunk = max(_LEAST_TOKENS, _CHUNK_LOGITS[kind] // head.weight.shape[0])

    def chunks(self, tokens: int) -> Iterator[slice]:
        """Yield slices over the tokens, of a size to suit the machine."""
        for start in range(0, tokens, self._chunk):
            yield slice(start, start + self._chunk)

    def __call__(self, hidden: Tensor) -> Tensor:
        """Return float32 logits [tokens, vocabulary] of hidden states [tokens, hidden]."""
        logits = _product(self._operand(hidden), self._weight.t())
        if self._head.bias is not None:
            logits += self._head.bias.float()
        return logits if self._head.softcap is None else self._head.softcap * torch.tanh(logits / self._head.softcap)

    def pull_back(self, slope: Tensor, logits: Tensor) -> Tensor:
        """Return the float32 gradient with respect to the hidden states, [tokens, hidden].

        Args:
            slope: Gradient with respect to the logits, [tokens, vocabulary]; overwritten.
            logits: The logits.
        """
        if self._head.softcap is not None:
            slope *= 1 - (logits / self._head.softcap) ** 2
        return _product(self._operand(slope), self._weight)

    def _operand(self, tensor: Tensor) -> Tensor:
        # A CPU has no product of bfloat16 to float32: round the operand and multiply in float32, as CUDA does inside.
        rounded = tensor.to(self._dtype)
        return rounded if tensor.is_cuda else rounded.float()


def _product(left: Tensor, right: Tensor) -> Tensor:
    with torch.autocast(left.device.type, enabled=False):
        return left @ right if left.dtype == torch.float32 else torch.mm(left, right, out_dtype=torch.float32)
