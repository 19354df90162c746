"""The pass rule ``grammar``: what another judge passes must also be worded like real text.

``wording`` is the share of real sentences, held out when the model of slips was trained, that are at least as
doubtful as this one: 0.5 for a sentence like any other, near 0 for one that no real text has. A sentence passes when
the other judge passes it and its wording is ``LEAST_WORDING`` or more; so of real sentences that share is lost, and
more of another genre: this little, so that these keep within three points in Norwegian (``docs/judges.md``).

The quality of a sentence, also of one that does not pass, is

    quality = (mean of the other judge's components + 9 * wording ** 0.25) / 10

with the root so that real sentences are rated much as by the rule ``saga``, for which the thresholds of a recipe are
meant: 0.65, the least of KL-SFT, is at a wording of about 0.14, so that six of seven are above it. The other components
count little because they are nearly alike for all sentences; ``docs/judges.md`` has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import numpy as np
import spacy

from saga_core.judges.protocol import Judge
from saga_core.judges.rules import whole_text
from saga_core.judges.slips import LABELS, SlipModel
from saga_core.judges.trained_pipeline import spacy_language
from saga_core.judges.verdict import SentenceVerdict, Verdict
from saga_core.progress import Tick

LEAST_WORDING = 0.003

_WEIGHT, _ROOT = 9, 0.25
# Slips that a verdict names at most, the likeliest first.
_NAMED = 2


class GrammarJudge:
    """Judges by another judge, and by the model of slips.

    Args:
        judge: The other judge.
        slips: The model.
    """

    def __init__(self, judge: Judge, slips: SlipModel) -> None:
        self._judge, self._slips = judge, slips
        self._tokenizer = spacy.blank(spacy_language(slips.language)).tokenizer

    def judge(self, texts: Sequence[str], tick: Tick) -> list[Verdict]:
        """Judge texts; see ``Judge.judge``."""
        verdicts = self._judge.judge(texts, tick)
        return [whole_text([self._judged(sentence) for sentence in verdict.sentences]) for verdict in verdicts]

    def _judged(self, sentence: SentenceVerdict) -> SentenceVerdict:
        tokens = [token.text for token in self._tokenizer(sentence.text)]
        look = self._slips.look(tokens)
        wording = self._slips.wording(look.doubt)
        parsed = fmean(sentence.components.values()) if sentence.components else 0.0
        passed = sentence.passed and wording >= LEAST_WORDING
        reasons = [] if wording >= LEAST_WORDING else _slips(tokens, np.exp(look.logs))
        return replace(
            sentence,
            passed=passed,
            quality=(parsed + _WEIGHT * wording**_ROOT) / (1 + _WEIGHT),
            reasons=(*sentence.reasons, *reasons),
            components={**sentence.components, "wording": wording},
        )


def _slips(tokens: Sequence[str], chances: np.ndarray) -> list[str]:
    """Name the likeliest slips of a sentence whose wording is not that of real text."""
    # The first label is that nothing is wrong.
    worst = np.argsort(chances[:, 0], kind="stable")[:_NAMED]
    return [_named(tokens, int(gap), LABELS[1 + int(chances[gap, 1:].argmax())]) for gap in worst]


def _named(tokens: Sequence[str], gap: int, label: str) -> str:
    before = repr(tokens[gap - 1]) if gap else "the beginning"
    after = repr(tokens[gap]) if gap < len(tokens) else "the end"
    return {
        "missing": f"a word seems to be missing between {before} and {after}",
        "order": f"{before} and {after} seem not to be in their order",
        "repeated": f"what ends before {after} seems to be said twice",
        "form": f"{after} seems to be in a wrong form",
    }[label]
