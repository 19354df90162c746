"""Holm's correction: many tests at once, and still at most one chance in twenty of any false claim."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values by Holm's step-down method (Holm 1979, Scand. J. Statist. 6).

    The i-th smallest of m is multiplied by m − i + 1, and none is smaller than one before it. What is below 0.05
    then is significant with a chance of at most 5% that any claim of the family is false, however the tests depend on
    each other.

    Args:
        p_values: One a test, in any order, in 0..1.

    Returns:
        The adjusted ones in the same order, 1 at most.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, stepped)
    return [float(value) for value in adjusted]
