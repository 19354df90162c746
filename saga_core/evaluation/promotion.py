"""Is a new adapter better than the champion? A decision by the held-out parser, made from two evaluations' items.

Won is what a paired test shows, on the same prompts: more continuations parse. And it must not have been bought: the
perplexity of held-out text may not have risen, nor the diversity have fallen, by more than the guards allow, against
the champion and against the base model too, so that many small losses do not add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from saga_core.evaluation.guards import Guards
from saga_core.evaluation.outcomes import EvaluationResult
from saga_core.evaluation.parse import ParseOutcome
from saga_core.evaluation.perplexity import DocumentOutcome, perplexity_of, token_samples
from saga_core.evaluation.statistics import FloatArray, compare_means, compare_rates, compare_statistics

# One item says nothing of others: its interval would have no width.
_FEWEST = 2


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Check(_Frozen):
    """One condition of a promotion.

    Attributes:
        metric: ``parse_success``, ``ppl`` or ``mattr``.
        against: Whom the new adapter is compared with.
        passed: Whether the condition holds.
        before: The other's figure.
        after: The new adapter's.
        change: Second less first; of the perplexity, as a share of the first.
        low: Lower end of the change's 95% interval.
        high: Upper end.
        p: Two-sided p-value, of the parse success alone.
        limit: Level of the test, or the most that the change may be to the worse.
        n: Number of items that both were measured on.
    """

    metric: Literal["parse_success", "ppl", "mattr"]
    against: Literal["champion", "base"]
    passed: bool
    before: float
    after: float
    change: float
    low: float
    high: float
    p: float | None
    limit: float
    n: int


class Decision(_Frozen):
    """A verdict with everything that it rests on.

    Attributes:
        verdict: ``promote`` or ``keep``.
        checks: The conditions, in order.
        refusals: Why no comparison can promote the adapter, if anything.
    """

    verdict: Literal["promote", "keep"]
    checks: tuple[Check, ...]
    refusals: tuple[str, ...]


def decide(
    candidate: EvaluationResult,
    base: EvaluationResult,
    champion: EvaluationResult | None,
    guards: Guards,
    seed: int,
    resamples: int,
    refusals: Sequence[str] = (),
) -> Decision:
    """Decide whether an adapter becomes the champion.

    Where there is no champion it has to beat its own base model in the same way. A guard holds when the whole 95%
    interval of the change keeps to it: a loss that was only not noticed, for want of items, promotes nobody.

    Args:
        candidate: Evaluation of the new adapter.
        base: Evaluation of its base model, on the same items.
        champion: Evaluation of the champion, on the same items or some of them; None where there is none, or none that
            could be compared.
        guards: The conditions.
        seed: Seed of the resampling.
        resamples: Resamples of an interval.
        refusals: Reasons that forbid a promotion whatever the figures say.

    Returns:
        The decision; it promotes only where every check passed and nothing forbids it.
    """
    refused = list(refusals)
    opponents: list[tuple[Literal["champion", "base"], EvaluationResult]] = [("base", base)]
    if champion is not None:
        opponents.insert(0, ("champion", champion))
    checks: list[Check] = []
    for place, (against, other) in enumerate(opponents):
        wrong = unequal_items(candidate, other)
        if wrong is not None:
            refused.append(f"cannot be compared with the {against}: {wrong}")
            continue
        parse = _pairs(candidate.parse, other.parse)
        documents = _document_pairs(candidate.perplexity, other.perplexity)
        if place == 0:
            checks.append(_win(against, parse, guards, seed, resamples))
        checks.append(_perplexity(against, documents, guards, seed, resamples))
        checks.append(_diversity(against, parse, guards, seed, resamples))
    won = bool(checks) and all(check.passed for check in checks) and not refused
    return Decision(verdict="promote" if won else "keep", checks=tuple(checks), refusals=tuple(refused))


def restricted(result: EvaluationResult, other: EvaluationResult) -> EvaluationResult:
    """Return the outcomes of the prompts and documents that another evaluation has too, and of no other task."""
    prompts, documents = {o.prompt_id for o in other.parse}, {o.item_id for o in other.perplexity}
    return EvaluationResult(
        parse=tuple(o for o in result.parse if o.prompt_id in prompts),
        perplexity=tuple(o for o in result.perplexity if o.item_id in documents),
        scala=(),
        summaries=(),
        reading=(),
    )


def unequal_items(candidate: EvaluationResult, other: EvaluationResult) -> str | None:
    """Say why two evaluations are of other items, or None where the other's are all among the candidate's."""
    pairs = (
        ("prompts", [o.prompt_id for o in candidate.parse], [o.prompt_id for o in other.parse]),
        ("documents", [o.item_id for o in candidate.perplexity], [o.item_id for o in other.perplexity]),
    )
    for what, mine, theirs in pairs:
        if len(set(mine)) < len(mine) or len(set(theirs)) < len(theirs):
            return f"two {what} have one id"
        if odd := sorted(set(theirs) - set(mine)):
            return f"{len(odd)} of its {len(theirs)} {what} are others, such as {odd[0]}"
        if len(theirs) < _FEWEST:
            return f"they have {len(theirs)} {what} in common, and at least {_FEWEST} are needed"
    tokens = {o.item_id: o.tokens for o in candidate.perplexity}
    if any(tokens[o.item_id] != o.tokens for o in other.perplexity):
        return "the documents were cut into other tokens, so that their perplexities are of different things"
    return None


def _win(
    against: Literal["champion", "base"],
    pairs: list[tuple[ParseOutcome, ParseOutcome]],
    guards: Guards,
    seed: int,
    resamples: int,
) -> Check:
    before, after = ([float(pair[i].passed) for pair in pairs] for i in (0, 1))
    found = compare_rates(before, after)
    return Check(
        metric="parse_success",
        against=against,
        passed=found.delta > 0 and found.p < guards.significance,
        before=_mean(before),
        after=_mean(after),
        change=found.delta,
        low=found.low,
        high=found.high,
        p=found.p,
        limit=guards.significance,
        n=len(pairs),
    )


def _perplexity(
    against: Literal["champion", "base"],
    pairs: list[tuple[DocumentOutcome, DocumentOutcome]],
    guards: Guards,
    seed: int,
    resamples: int,
) -> Check:
    before, after = (token_samples([pair[i] for pair in pairs]) for i in (0, 1))
    logs = compare_statistics(_log_perplexity, before, after, seed, resamples)
    ppl = [float(np.exp(_log_perplexity(np.asarray(nll), np.asarray(n), axis=-1))) for nll, n in (before, after)]
    change, low, high = (float(np.expm1(value)) for value in (logs.delta, logs.low, logs.high))
    return Check(
        metric="ppl",
        against=against,
        passed=high <= guards.ppl_rise,
        before=ppl[0],
        after=ppl[1],
        change=change,
        low=low,
        high=high,
        p=None,
        limit=guards.ppl_rise,
        n=len(pairs),
    )


def _diversity(
    against: Literal["champion", "base"],
    pairs: list[tuple[ParseOutcome, ParseOutcome]],
    guards: Guards,
    seed: int,
    resamples: int,
) -> Check:
    before, after = ([pair[i].mattr for pair in pairs] for i in (0, 1))
    found = compare_means(before, after, seed, resamples)
    return Check(
        metric="mattr",
        against=against,
        passed=found.low >= -guards.mattr_fall,
        before=_mean(before),
        after=_mean(after),
        change=found.delta,
        low=found.low,
        high=found.high,
        p=None,
        limit=guards.mattr_fall,
        n=len(pairs),
    )


def _pairs(candidate: Sequence[ParseOutcome], other: Sequence[ParseOutcome]) -> list[tuple[ParseOutcome, ParseOutcome]]:
    mine = {outcome.prompt_id: outcome for outcome in candidate}
    return [(outcome, mine[outcome.prompt_id]) for outcome in other]


def _document_pairs(
    candidate: Sequence[DocumentOutcome], other: Sequence[DocumentOutcome]
) -> list[tuple[DocumentOutcome, DocumentOutcome]]:
    mine = {outcome.item_id: outcome for outcome in candidate}
    return [(outcome, mine[outcome.item_id]) for outcome in other]


def _log_perplexity(nll: FloatArray, tokens: FloatArray, axis: int) -> FloatArray:
    # The difference of two logarithms is a ratio: how many per cent, whatever the level.
    return np.log(perplexity_of(nll, tokens, axis))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
