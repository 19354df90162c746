"""The network above the n-grams of the model of slips, in numpy: a sentence at a time, so that none changes another.

With ``h_1 … h_G`` the vectors of a sentence's gaps, (G, D), and ``z`` the states of a bidirectional LSTM (Hochreiter
and Schmidhuber 1997; Graves and Schmidhuber 2005) of K places a direction over them, (G, 2K)::

    p(label | gap g)   = softmax(O [relu(h_g); z_g] + o)
    p(wrong | sentence) = sigmoid(S [max_g z_g; mean_g z_g] + s)

The second sees the whole sentence: what is missing often shows only in what else there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_OF_GAPS = 10


@dataclass(frozen=True)
class Look:
    """What the model of slips sees in a sentence.

    Attributes:
        logs: Log-probabilities of the labels at each gap, (tokens + 1, labels).
        wrong: Logit of the chance that there is any slip in the sentence.
    """

    logs: Floats
    wrong: float

    @property
    def doubt(self) -> float:
        """How doubtful the sentence is: ``wrong``, plus 10 times the mean of minus the log-probability of a right gap.

        The first tells one slip best, the second disorder; the factor evens out their spreads.
        """
        return self.wrong - _OF_GAPS * float(self.logs[:, 0].mean())


def look(vectors: Floats, weights: Mapping[str, Floats]) -> Look:
    """Run the network.

    Args:
        vectors: Sums of the n-grams' vectors at each gap, (G, D).
        weights: ``input`` (2, 4K, D), ``state`` (2, 4K, K) and ``bias`` (2, 4K) of the LSTM forward and backward, gates
            in torch's order; ``o`` (labels, D + 2K), ``bo``; ``s`` (4K,), ``bs`` (1,).
    """
    states = _lstm(vectors, weights["input"], weights["state"], weights["bias"])
    logits = np.concatenate([np.maximum(vectors, 0), states], axis=1) @ weights["o"].T + weights["bo"]
    logits -= logits.max(axis=1, keepdims=True)
    logs: Floats = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    whole = np.concatenate([states.max(axis=0), states.mean(axis=0)])
    return Look(logs, float(whole @ weights["s"] + weights["bs"][0]))


def _lstm(vectors: Floats, to_gates: Floats, recurrent: Floats, bias: Floats) -> Floats:
    """Return the states (G, 2K) of both directions, which run side by side: one from the front, one from the back."""
    ways = np.stack([vectors, vectors[::-1]])
    gates = ways @ to_gates.transpose(0, 2, 1) + bias[:, None]
    length, places = len(vectors), recurrent.shape[2]
    states = np.empty((2, length, places), dtype=np.float32)
    state, cell = (np.zeros((2, places), dtype=np.float32) for _ in range(2))
    for step in range(length):
        now = gates[:, step] + (recurrent @ state[:, :, None])[:, :, 0]
        into, keep, new, out = np.split(now, 4, axis=1)
        cell = _sigmoid(keep) * cell + _sigmoid(into) * np.tanh(new)
        state = _sigmoid(out) * np.tanh(cell)
        states[:, step] = state
    return np.concatenate([states[0], states[1, ::-1]], axis=1)


def _sigmoid(values: Floats) -> Floats:
    # By tanh, which no large value makes overflow.
    share: Floats = 0.5 * (np.tanh(0.5 * values) + 1)
    return share
