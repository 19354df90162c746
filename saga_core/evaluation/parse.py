"""Parse success and parse score: how much of what a model writes parses, and how well."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from saga_core.evaluation.statistics import Estimate, bootstrap_mean, wilson
from saga_core.judges.protocol import Judge
from saga_core.judges.verdict import Verdict
from saga_core.progress import Tick
from saga_core.rewards.mattr import mattr

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
        judged: The prompt with the complete sentences of its continuation; empty where there is none, or where only
            the verdict is kept, as in the probe.
        sentences: Verdict and tree of each judged sentence, as ``sentences_json`` gives them.
    """

    prompt_id: str
    text: str
    passed: bool
    quality: float
    mattr: float
    judged: str = ""
    sentences: str = "[]"


def sentences_json(verdict: Verdict) -> str:
    """Return the sentences of a verdict as JSON, so that a reader can see why a text parsed or did not.

    A list of objects with ``text``, ``passed``, ``quality``, ``reasons`` and ``tokens``, each token as ``[form, upos,
    head, deprel]``.
    """
    sentences = [
        {
            "text": sentence.text,
            "passed": sentence.passed,
            "quality": sentence.quality,
            "reasons": list(sentence.reasons),
            "tokens": [[token.form, token.upos, token.head, token.deprel] for token in sentence.tokens],
        }
        for sentence in verdict.sentences
    ]
    return json.dumps(sentences, ensure_ascii=False)


def parse_outcome(prompt_id: str, text: str, judged: str, verdict: Verdict, mattr_window: int) -> ParseOutcome:
    """Return the outcome of a prompt.

    Args:
        prompt_id: Identity of the prompt.
        text: The continuation, as drawn.
        judged: What was judged.
        verdict: The verdict on it.
        mattr_window: MATTR's window, in words.
    """
    diversity = mattr(text, mattr_window)
    return ParseOutcome(prompt_id, text, verdict.passed, verdict.quality, diversity, judged, sentences_json(verdict))


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
