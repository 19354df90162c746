"""Pairs to prefer by: of each prompt the best candidate over the worst, where the two differ enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from saga_core.recipe import PairSettings


@dataclass(frozen=True)
class ScoredCandidate:
    """A continuation with its score.

    Attributes:
        prompt_id: Names the prompt.
        prompt: The prompt, without a trailing space.
        text: The trimmed continuation with its leading space; empty if it has no complete sentence.
        score: -1, or a number in [0, 1].
        temperature: At which it was drawn.
        k: Its number among those of that prompt and temperature.
        finished: Whether the model ended it.
    """

    prompt_id: str
    prompt: str
    text: str
    score: float
    temperature: float
    k: int
    finished: bool


@dataclass(frozen=True)
class Pair:
    """Two continuations of one prompt, the first preferred. Fields as in ``ScoredCandidate``."""

    prompt_id: str
    prompt: str
    chosen: str
    rejected: str
    chosen_score: float
    rejected_score: float
    chosen_temperature: float
    rejected_temperature: float
    chosen_finished: bool
    rejected_finished: bool


@dataclass(frozen=True)
class PairReport:
    """What became of the candidates.

    Every prompt is counted once: ``prompts = pairs + dropped_empty + dropped_floor + dropped_gap``.

    Attributes:
        prompts: Prompts with a candidate, an empty one included.
        candidates: All candidates.
        empty: Candidates without text.
        pairs: Pairs kept.
        dropped_empty: Prompts with no candidate but empty ones.
        dropped_floor: Prompts whose best candidate scores below the floor.
        dropped_gap: Prompts whose best and worst candidate are too close, or the same text.
        mean_chosen: Mean score of the chosen; None without a pair, like the next two.
        mean_rejected: Mean score of the rejected.
        mean_gap: Mean of chosen score less rejected score.
        chosen_share: Share of the chosen by temperature, as ``{"0.7": 0.9, "1.1": 0.1}``; coolest first.
        rejected_share: The same of the rejected.
    """

    prompts: int
    candidates: int
    empty: int
    pairs: int
    dropped_empty: int
    dropped_floor: int
    dropped_gap: int
    mean_chosen: float | None
    mean_rejected: float | None
    mean_gap: float | None
    chosen_share: Mapping[str, float]
    rejected_share: Mapping[str, float]


def select_pairs(candidates: Iterable[ScoredCandidate], settings: PairSettings) -> list[Pair]:
    """Pair the best candidate of each prompt with its worst.

    Candidates without text are passed over. The others are ranked by falling score; among equal scores by
    rising temperature, then rising ``k``. The first of that ranking is the best and the last the worst, so
    where scores tie the chosen one is the cooler and the rejected one the hotter. A pair is kept when the
    chosen score is at least ``min_chosen``, the gap is at least ``min_gap`` and the two texts differ.

    Args:
        candidates: In any order; those of a prompt need not be together.
        settings: Floor and gap.

    Returns:
        At most one pair a prompt, in the order in which the prompts first appear.
    """
    pairs = []
    for group in _by_prompt(candidates).values():
        ranked = _ranked(group)
        if ranked and _above_floor(ranked, settings) and _wide_enough(ranked, settings):
            pairs.append(_pair(ranked[0], ranked[-1]))
    return pairs


def describe(candidates: Sequence[ScoredCandidate], pairs: Sequence[Pair], settings: PairSettings) -> PairReport:
    """Count what ``select_pairs`` kept and why it dropped the rest.

    Args:
        candidates: What the pairs were selected from.
        pairs: What ``select_pairs`` returned for them.
        settings: The settings it had.
    """
    rankings = [_ranked(group) for group in _by_prompt(candidates).values()]
    ranked = [ranking for ranking in rankings if ranking]
    dropped_floor = sum(not _above_floor(ranking, settings) for ranking in ranked)
    return PairReport(
        prompts=len(rankings),
        candidates=len(candidates),
        empty=len(candidates) - sum(map(len, ranked)),
        pairs=len(pairs),
        dropped_empty=len(rankings) - len(ranked),
        dropped_floor=dropped_floor,
        dropped_gap=len(ranked) - dropped_floor - len(pairs),
        mean_chosen=_mean(pair.chosen_score for pair in pairs),
        mean_rejected=_mean(pair.rejected_score for pair in pairs),
        mean_gap=_mean(pair.chosen_score - pair.rejected_score for pair in pairs),
        chosen_share=_shares(pair.chosen_temperature for pair in pairs),
        rejected_share=_shares(pair.rejected_temperature for pair in pairs),
    )


def _by_prompt(candidates: Iterable[ScoredCandidate]) -> dict[str, list[ScoredCandidate]]:
    groups: dict[str, list[ScoredCandidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.prompt_id, []).append(candidate)
    return groups


def _ranked(group: list[ScoredCandidate]) -> list[ScoredCandidate]:
    return sorted((c for c in group if c.text.strip()), key=lambda c: (-c.score, c.temperature, c.k))


def _above_floor(ranked: list[ScoredCandidate], settings: PairSettings) -> bool:
    return ranked[0].score >= settings.min_chosen


def _wide_enough(ranked: list[ScoredCandidate], settings: PairSettings) -> bool:
    best, worst = ranked[0], ranked[-1]
    return best.text != worst.text and best.score - worst.score >= settings.min_gap


def _pair(best: ScoredCandidate, worst: ScoredCandidate) -> Pair:
    return Pair(
        prompt_id=best.prompt_id,
        prompt=best.prompt,
        chosen=best.text,
        rejected=worst.text,
        chosen_score=best.score,
        rejected_score=worst.score,
        chosen_temperature=best.temperature,
        rejected_temperature=worst.temperature,
        chosen_finished=best.finished,
        rejected_finished=worst.finished,
    )


def _mean(values: Iterable[float]) -> float | None:
    numbers = list(values)
    return fmean(numbers) if numbers else None


def _shares(temperatures: Iterable[float]) -> dict[str, float]:
    counts = Counter(temperatures)
    # Keys are text, as JSON makes them: a report read back equals the report written.
    return {str(temperature): count / counts.total() for temperature, count in sorted(counts.items())}
