"""Is a judge a measure of grammar? Its quality and pass rate on sentences that are right, and on wrong ones."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import scipy.stats

from saga_core.corpus.treebank import TreebankSentence
from saga_core.evaluation.scala import build_pairs
from saga_core.evaluation.statistics import Estimate, FloatArray, auroc, bootstrap_statistic, wilson
from saga_core.judges.damage import Damaged, agreement_errors, floors
from saga_core.judges.protocol import Judge
from saga_core.judges.verdict import Verdict
from saga_core.progress import progress

RESAMPLES = 1_000
_FEWEST = 10


@dataclass(frozen=True)
class Finding:
    """One figure of a check.

    Attributes:
        group: What it belongs to: ``ScaLA``, ``agreement``, ``labelled``, ``floor``, ``ceiling`` or ``length``.
        name: Which of the group.
        measure: ``AUROC``, ``PS`` or ``Spearman``.
        estimate: The figure with its 95% interval.
    """

    group: str
    name: str
    measure: str
    estimate: Estimate


def check(
    judge: Judge,
    treebank: Sequence[TreebankSentence],
    real: Sequence[str],
    labelled: Sequence[tuple[str, bool]],
    n: int,
    seed: int,
) -> list[Finding]:
    """Check a judge.

    AUROC: how often a right sentence has a higher quality than a wrong one, a tie counted half, over all sentences and
    not within pairs; its interval is bootstrapped over pairs. PS: share of sentences that pass, with Wilson's interval.

    Args:
        judge: The judge.
        treebank: Sentences that it has not learned from.
        real: Real sentences; none: those of the treebank.
        labelled: Sentences with labels; may be empty. Of more than ``2 * n`` so many are drawn.
        n: Most sentences of a kind.
        seed: Of choice and damage.

    Raises:
        StageError: The treebank has no sentence that can be damaged.
    """
    pairs = [Damaged(p.good, p.bad, p.corruption) for p in build_pairs(treebank, n, seed)]
    agreement = agreement_errors(treebank, n, seed)
    ruins = floors(treebank, n, seed)
    texts = list(real[:n]) or [sentence.text for sentence in treebank[:n]]
    if len(labelled) > 2 * n:
        labelled = random.Random(f"{seed}").sample(labelled, 2 * n)
    seen = {text for each in (*pairs, *agreement, *ruins) for text in (each.good, each.bad)}
    seen |= {*texts, *(text for text, _ in labelled)}
    judged = _judge(judge, sorted(seen))
    findings = [*_pairwise("ScaLA", pairs, judged, seed), *_pairwise("agreement", agreement, judged, seed)]
    if labelled:
        findings.append(_labelled(labelled, judged, seed))
    findings.append(_rate("ceiling", "real text", texts, judged))
    for kind in dict.fromkeys(each.kind for each in ruins):
        some = [each for each in ruins if each.kind == kind]
        findings.append(_rate("floor", kind, [each.bad for each in some], judged))
    if ruins:
        findings.append(_rate("floor", "the same, intact", sorted({each.good for each in ruins}), judged))
    return [*findings, _length(texts, judged, seed)]


def _judge(judge: Judge, texts: Sequence[str]) -> dict[str, Verdict]:
    with progress("judging", len(texts), "sentences") as tick:
        return dict(zip(texts, judge.judge(texts, tick), strict=True))


def _quality(verdict: Verdict) -> float:
    """Mean quality of a text's sentences, whether they pass or not; that of a text is 0 where one fails."""
    return fmean(sentence.quality for sentence in verdict.sentences) if verdict.sentences else 0.0


def _pairwise(group: str, pairs: Sequence[Damaged], judged: dict[str, Verdict], seed: int) -> Iterable[Finding]:
    kinds = list(dict.fromkeys(pair.kind for pair in pairs))
    for kind in [None, *kinds] if len(kinds) > 1 else kinds:
        some = [pair for pair in pairs if kind in (None, pair.kind)]
        if len(some) < _FEWEST:
            continue
        good, bad = ([_quality(judged[getattr(pair, side)]) for pair in some] for side in ("good", "bad"))
        yield Finding(group, kind or "all", "AUROC", bootstrap_statistic(auroc, [good, bad], seed, RESAMPLES))


def _labelled(labelled: Sequence[tuple[str, bool]], judged: dict[str, Verdict], seed: int) -> Finding:
    quality = [_quality(judged[text]) for text, _ in labelled]
    right = [float(label) for _, label in labelled]
    estimate = bootstrap_statistic(_auroc_of_labels, [quality, right], seed, RESAMPLES)
    return Finding("labelled", "all", "AUROC", estimate)


def _auroc_of_labels(quality: FloatArray, right: FloatArray, axis: int = -1) -> FloatArray:
    """AUROC of sentences in one list; Mann and Whitney's U from the ranks of the right ones."""
    ranks = scipy.stats.rankdata(quality, axis=axis)
    n = right.sum(axis=axis)
    m = right.shape[axis] - n
    with np.errstate(invalid="ignore", divide="ignore"):
        area: FloatArray = ((ranks * right).sum(axis=axis) - n * (n + 1) / 2) / (n * m)
    # A resample of one label alone tells nothing.
    return np.nan_to_num(area, nan=0.5)


def _rate(group: str, name: str, texts: Sequence[str], judged: dict[str, Verdict]) -> Finding:
    return Finding(group, name, "PS", wilson(sum(judged[text].passed for text in texts), len(texts)))


def _length(texts: Sequence[str], judged: dict[str, Verdict], seed: int) -> Finding:
    words = [float(len(text.split())) for text in texts]
    quality = [_quality(judged[text]) for text in texts]
    return Finding("length", "quality", "Spearman", bootstrap_statistic(_spearman, [words, quality], seed, RESAMPLES))


def _spearman(first: FloatArray, second: FloatArray, axis: int = -1) -> FloatArray:
    """Rank correlation (Spearman 1904): Pearson's of the ranks; 0 where one side is constant."""
    a, b = (scipy.stats.rankdata(side, axis=axis) for side in (first, second))
    a, b = a - a.mean(axis=axis, keepdims=True), b - b.mean(axis=axis, keepdims=True)
    norm = np.sqrt((a**2).sum(axis=axis) * (b**2).sum(axis=axis))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation: FloatArray = np.nan_to_num((a * b).sum(axis=axis) / norm)
    return correlation
