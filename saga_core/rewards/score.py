"""The reward: from the judge's verdict on a text to one number."""

from __future__ import annotations

from saga_core.judges.verdict import Verdict
from saga_core.recipe import ScoringSettings
from saga_core.rewards.mattr import mattr

PARSE_FAILURE = -1.0


def score(verdict: Verdict, text: str, settings: ScoringSettings) -> float:
    """Score a text: ``(1 - w) * quality + w * MATTR(text)`` when it parses, ``PARSE_FAILURE`` when not.

    Args:
        verdict: The judge's verdict on the text.
        text: What was judged: the prompt with its continuation.
        settings: The weight w and MATTR's window.

    Returns:
        -1, or a number in [0, 1].
    """
    if not verdict.passed:
        return PARSE_FAILURE
    weight = settings.mattr_weight
    return (1.0 - weight) * verdict.quality + weight * mattr(text, settings.mattr_window)
