"""The pass rule ``grammar``: what another judge passes must also be worded like real text.

The *doubt* about a sentence is what the model of slips sees between its words (``slips.py``), what is wrong in its
tree (``agreement.py``), and what is said twice (``repetition.py``). ``wording`` is the share of real sentences, held
out when these were learned, that are at least as doubtful (``usual.py``): 0.5 for a sentence like any other, near 0 for
one that no real text has. A sentence passes when the other judge passes it and its wording is that of one real sentence
in a hundred, or, by a judge that has learned from a text and a treebank, of two (``grammar_training.py``).

The quality of a sentence, also of one that does not pass, is

    quality = (mean of the other judge's components + 9 * wording ** 0.25) / 10

with the root so that real sentences are rated much as by the rule ``saga``, for which the thresholds of a recipe are
meant: 0.65, the least of KL-SFT, is at a wording of about 0.14, so that six of seven are above it. The other components
count little because they are nearly alike for all sentences; ``docs/judges.md`` has the figures. ``flawless``, the
exponential of minus what tree and repetition add to the doubt, is shown beside them and counts by way of the wording.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np

from saga_core.judges.grammar_model import Doubt, GrammarModel
from saga_core.judges.protocol import Judge
from saga_core.judges.rules import whole_text
from saga_core.judges.slips import LABELS
from saga_core.judges.verdict import SentenceVerdict, Verdict
from saga_core.progress import Tick

_WEIGHT, _ROOT = 9, 0.25
# Flaws and slips that a verdict names at most; and the chance that nothing is wrong at a gap, for a slip to be named.
_NAMED, _LIKELY = 3, 0.5


class GrammarJudge:
    """Judges by another judge, and by what was learned of real sentences.

    Args:
        judge: The other judge.
        model: What was learned.
    """

    def __init__(self, judge: Judge, model: GrammarModel) -> None:
        self._judge, self._model = judge, model

    def judge(self, texts: Sequence[str], tick: Tick) -> list[Verdict]:
        """Judge texts; see ``Judge.judge``."""
        verdicts = self._judge.judge(texts, tick)
        return [whole_text([self._judged(sentence) for sentence in verdict.sentences]) for verdict in verdicts]

    def _judged(self, sentence: SentenceVerdict) -> SentenceVerdict:
        doubt = self._model.doubter.about(sentence.text, sentence.tokens)
        wording = self._model.usual.share(doubt.value)
        parsed = fmean(sentence.components.values()) if sentence.components else 0.0
        usual = wording >= self._model.least_wording
        flawless = math.exp(-sum(flaw.doubt for flaw in doubt.flaws))
        return replace(
            sentence,
            passed=sentence.passed and usual,
            quality=(parsed + _WEIGHT * wording**_ROOT) / (1 + _WEIGHT),
            reasons=(*sentence.reasons, *(() if usual else _reasons(doubt))),
            components={**sentence.components, "wording": wording, "flawless": flawless},
        )


def _reasons(doubt: Doubt) -> list[str]:
    """Name the flaws and slips of a sentence that is not usual: the worst, and at least one."""
    chances = np.exp(doubt.look.logs)
    # Nothing stands after the last gap that could be in a wrong form.
    chances[-1, LABELS.index("form")] = 0
    reasons = [flaw.reason for flaw in doubt.flaws]
    # The first label is that nothing is wrong.
    for gap in map(int, np.argsort(chances[:, 0], kind="stable")):
        if chances[gap, 0] < _LIKELY or not reasons:
            reasons.append(_named(doubt.words, gap, LABELS[1 + int(chances[gap, 1:].argmax())]))
    return reasons[:_NAMED]


def _named(tokens: Sequence[str], gap: int, label: str) -> str:
    before = repr(tokens[gap - 1]) if gap else "the beginning"
    after = repr(tokens[gap]) if gap < len(tokens) else "the end"
    return {
        "missing": f"a word seems to be missing between {before} and {after}",
        "order": f"{before} and {after} seem not to be in their order",
        "repeated": f"what ends before {after} seems to be said twice",
        "form": f"{after} seems to be in a wrong form",
    }[label]
