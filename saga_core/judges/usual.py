"""How much doubt about a sentence is usual: the share of real sentences that are at least as doubtful.

Up to the doubt that few of the held-out sentences exceed, it is their own share. Beyond, where a few sentences would
decide, the share falls exponentially with the mean of what these exceed it by, as the tail of most distributions nearly
does (Pickands 1975, Annals of Statistics 3, with shape 0)::

    share(d) = share(u) * exp(-(d - u) / mean excess over u)

so that it is never 0, and ten held-out sentences give an estimate, if a poor one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_QUANTILES = 1_001
# Held-out sentences in the tail: so many, but at most a quarter of all.
_TAIL, _MOST_OF_ALL = 50, 4
# Where all in the tail are equally doubtful.
_LEAST_EXCESS = 1e-3


@dataclass(frozen=True)
class Usual:
    """The distribution of the doubt about real sentences.

    Attributes:
        quantiles: Of what is not in the tail, from the least doubt to where the tail begins.
        tail: Share of sentences in the tail.
        excess: Mean of what their doubt exceeds its beginning by.
    """

    quantiles: tuple[float, ...]
    tail: float
    excess: float

    def share(self, doubt: float) -> float:
        """Return the share of real sentences that are at least as doubtful, in (0, 1]."""
        start = self.quantiles[-1]
        if doubt <= start:
            return float(np.interp(doubt, self.quantiles, np.linspace(1, self.tail, len(self.quantiles))))
        return float(self.tail * np.exp(-(doubt - start) / self.excess))


def usual(doubts: Sequence[float]) -> Usual:
    """Measure what is usual.

    Args:
        doubts: About real sentences that were held out; two or more.
    """
    ordered = np.sort(np.asarray(doubts, np.float64))
    exceeding = max(1, min(_TAIL, len(ordered) // _MOST_OF_ALL))
    start = ordered[-exceeding - 1]
    quantiles = np.quantile(ordered[:-exceeding], np.linspace(0, 1, _QUANTILES))
    excess = max(float(np.mean(ordered[-exceeding:] - start)), _LEAST_EXCESS)
    return Usual(tuple(float(value) for value in quantiles), exceeding / len(ordered), excess)
