"""Acceptability: does a model find sentences that people call right likelier than those they call wrong?

For files in the manner of NoCoLA (Jentoft & Samuel 2023, NoDaLiDa): labelled sentences, with real mistakes of people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from saga_core.evaluation.delong import delong_estimate
from saga_core.evaluation.statistics import Estimate
from saga_core.progress import Tick

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class AcceptabilityItem:
    """A labelled sentence.

    Attributes:
        text: The sentence.
        right: Whether it is acceptable.
    """

    text: str
    right: bool


@dataclass(frozen=True)
class AcceptabilityOutcome:
    """How likely a model finds a labelled sentence.

    Attributes:
        item_id: Identity of the sentence.
        right: Whether it is acceptable.
        score: Mean log-probability of its tokens, nats.
    """

    item_id: str
    right: bool
    score: float


def score_sentences(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    items: Sequence[tuple[str, AcceptabilityItem]],
    batch_size: int,
    tick: Tick,
) -> list[AcceptabilityOutcome]:
    """Score sentences by the mean log-probability of a token, given the start of a text, as ScaLA's are.

    Args:
        model: Causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        items: Id and sentence.
        batch_size: Rows of a forward pass at most.
        tick: Called with the number of sentences that were finished.
    """
    # PyTorch is large, and reports of stored outcomes do without it.
    from saga_core.evaluation.likelihood import log_probs

    values = log_probs(model, tokenizer, [item.text for _, item in items], batch_size, tick)
    scored = zip(items, values, strict=True)
    return [AcceptabilityOutcome(name, item.right, float(each.mean())) for (name, item), each in scored]


def label_samples(outcomes: Sequence[AcceptabilityOutcome]) -> tuple[list[float], list[float]]:
    """Return the scores of right and of wrong sentences."""
    return [o.score for o in outcomes if o.right], [o.score for o in outcomes if not o.right]


def acceptability_auroc(outcomes: Sequence[AcceptabilityOutcome]) -> Estimate:
    """Estimate the AUROC of right over wrong sentences, with DeLong's interval: the sentences are not paired."""
    return delong_estimate(*label_samples(outcomes))
