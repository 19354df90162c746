"""The figures of the hacking panel: what each is called, and which way a trick leads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sign:
    """A figure of the panel.

    Attributes:
        name: Its key.
        label: What a reader is told.
        higher_is_worse: Which way the trick leads.
        percent: Whether it is a rate in 0..1.
    """

    name: str
    label: str
    higher_is_worse: bool
    percent: bool


SIGNS = (
    Sign("distinct_2", "Distinct-2", False, False),
    Sign("self_bleu", "Self-BLEU", True, False),
    Sign("duplicates", "Exact duplicates", True, True),
    Sign("words", "Words a continuation", False, False),
    Sign("opener_entropy", "Opener entropy (bits)", False, False),
    Sign("mattr", "MATTR", False, False),
    Sign("language_share", "In the language", False, True),
    Sign("overlap", "Overlap with the training pairs", True, True),
)
# Parse success of the same texts by the two parsers.
JUDGED = (
    Sign("judge_ps", "PS by the training's judge", False, True),
    Sign("evaluator_ps", "PS by the evaluator", False, True),
)
