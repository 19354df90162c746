"""Parse success and parse score: how much of what a model writes parses, and how well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saga_core.evaluation.statistics import Estimate, bootstrap_mean, wilson
from saga_core.judges.protocol import Judge
from saga_core.judges.verdict import Verdict
from saga_core.progress import Tick

_NOTHING_TO_JUDGE = Verdict(passed=False, quality=0.0, sentences=())


@dataclass(frozen=True)
class ParseOutcome:
    """A continuation of a prompt and the verdict on both together.

    Attributes:
        prompt_id: Identity of the prompt.
        text: The continuation, as drawn; what was judged is the prompt with its complete sentences.
        passed: Whether these all parse, and there is one.
        quality: Of a text that passed, in (0, 1]; else 0.
        mattr: Moving-average type-token ratio of the continuation.
    """

    prompt_id: str
    text: str
    passed: bool
    quality: float
    mattr: float


def judge_texts(judge: Judge, texts: Sequence[str], tick: Tick) -> list[Verdict]:
    """Judge texts, of which a blank one does not pass.

    Args:
        judge: The judge.
        texts: Complete texts; blank where a generation has no complete sentence.
        tick: Called as texts are finished.

    Returns:
        One verdict a text, in order.
    """
    written = [i for i, text in enumerate(texts) if text.strip()]
    if len(written) < len(texts):
        tick(len(texts) - len(written))
    verdicts = [_NOTHING_TO_JUDGE] * len(texts)
    for i, verdict in zip(written, judge.judge([texts[i] for i in written], tick), strict=True):
        verdicts[i] = verdict
    return verdicts


def parse_success(outcomes: Sequence[ParseOutcome]) -> Estimate:
    """Estimate the share of texts that parse."""
    return wilson(sum(o.passed for o in outcomes), len(outcomes))


def parse_score(outcomes: Sequence[ParseOutcome], seed: int, resamples: int) -> Estimate:
    """Estimate success rate times mean quality of the successes: the mean of quality, 0 where a text fails."""
    return bootstrap_mean([o.quality for o in outcomes], seed, resamples)
