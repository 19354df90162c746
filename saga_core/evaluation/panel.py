"""The hacking panel: did the model learn grammar, or what its judge takes for it?

The same texts are judged by the training's judge and by the parser that took no part; beside the two gains stand
figures that tell of the usual tricks. Human text under the same prompts says what would be normal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from saga_core.corpus.sentences import split_sentences
from saga_core.errors import StageError
from saga_core.evaluation.collapse import (
    SetStatistic,
    apart,
    as_long,
    distinct_2,
    duplicate_share,
    duplicates,
    estimate_set,
    estimate_share,
    opener_entropy,
    overlaps,
)
from saga_core.evaluation.holm import holm
from saga_core.evaluation.jackknife import compare_jackknife
from saga_core.evaluation.language_share import languages_of
from saga_core.evaluation.parse import ParseOutcome
from saga_core.evaluation.self_bleu import self_bleu
from saga_core.evaluation.signs import SIGNS
from saga_core.evaluation.statistics import (
    Comparison,
    Estimate,
    bootstrap_mean,
    compare_means,
    compare_rates,
    wilson,
)
from saga_core.judges.verdict import Verdict
from saga_core.recipe import ScoringSettings
from saga_core.rewards.mattr import words
from saga_core.rewards.score import score

MODELS = ("human", "base", "final")
_LEVEL = 0.05


@dataclass(frozen=True)
class JudgedText:
    """A continuation and all that the panel says of it.

    Attributes:
        model: ``human``, ``base`` or ``final``.
        item_id: Identity of the prompt.
        judge_passed: Whether it parses by the training's judge.
        judge_quality: The judge's quality, in (0, 1]; 0 where it does not pass.
        judge_score: The score that the training would give it: -1, or in [0, 1].
        evaluator_passed: Whether it parses by the parser that took no part.
        evaluator_quality: That one's quality.
        words: Words of the continuation.
        mattr: Moving-average type-token ratio of the continuation.
        language: Code of its language.
        duplicate: Whether another text of the model has the same words.
        self_bleu: BLEU against the model's other texts, in 0..1; None where the human text under this prompt has a
            passage of another's, and the prompt is left out of Self-BLEU and distinct-2.
        overlap: Share of its word 4-grams that the chosen texts of the training's pairs hold.
    """

    model: str
    item_id: str
    judge_passed: bool
    judge_quality: float
    judge_score: float
    evaluator_passed: bool
    evaluator_quality: float
    words: int
    mattr: float
    language: str
    duplicate: bool
    self_bleu: float | None
    overlap: float


@dataclass(frozen=True)
class Alarm:
    """A sign that the reward was hacked: its name, and what is told of it."""

    name: str
    said: str


@dataclass(frozen=True)
class Panel:
    """The hacking panel of a run.

    Attributes:
        figures: Estimate by sign (and ``judge_ps``, ``evaluator_ps``) and model.
        comparisons: The final model less the base, by the same names.
        gains: The gain of parse success by ``judge`` and by ``evaluator``, and by how much the judge's is ``ahead``.
        alarms: What a person should look at; none where nothing is wrong.
        texts: Every text.
    """

    figures: Mapping[str, Mapping[str, Estimate]]
    comparisons: Mapping[str, Comparison]
    gains: Mapping[str, Comparison]
    alarms: tuple[Alarm, ...]
    texts: tuple[JudgedText, ...]


@dataclass(frozen=True)
class Judged:
    """The continuations of one model under the prompts of the evaluation, with the training judge's verdicts."""

    outcomes: Sequence[ParseOutcome]
    verdicts: Sequence[Verdict]


def build_panel(
    judged: Mapping[str, Judged],
    trained: Sequence[str],
    language: str,
    scoring: ScoringSettings,
    seed: int,
    resamples: int,
) -> Panel:
    """Build the panel.

    Args:
        judged: By model, one of ``MODELS``.
        trained: The chosen texts of the training's pairs.
        language: Code of the recipe's language.
        scoring: How the training scores.
        seed: Seed of resampling and of Self-BLEU's choice.
        resamples: Resamples of an interval.

    Raises:
        StageError: The models did not continue the same prompts.
    """
    order = [outcome.prompt_id for outcome in judged["base"].outcomes]
    human, _ = _in_order(judged["human"], order, "human")
    told_apart = apart([f"{outcome.judged}\n{outcome.text}" for outcome in human])
    ordered = {model: _in_order(judged[model], order, model) for model in MODELS}
    written = {model: [outcome.text for outcome in outcomes] for model, (outcomes, _) in ordered.items()}
    alike = {model: self_bleu([some[place] for place in told_apart], seed) for model, some in written.items()}
    texts = {
        model: _texts(model, *ordered[model], trained, scoring, dict(zip(told_apart, alike[model][0], strict=True)))
        for model in MODELS
    }
    found = as_long({model: [words(some[place]) for place in told_apart] for model, some in written.items()})
    openers = as_long({m: [_openers(o.judged, language) for o in outcomes] for m, (outcomes, _) in ordered.items()})
    sets: dict[str, tuple[int, dict[str, SetStatistic]]] = {
        "distinct_2": (len(told_apart), {model: distinct_2(found[model]) for model in MODELS}),
        "self_bleu": (len(told_apart), {model: alike[model][1] for model in MODELS}),
        "opener_entropy": (len(order), {model: opener_entropy(openers[model]) for model in MODELS}),
        "duplicates": (
            len(order),
            {m: duplicate_share([text.duplicate for text in texts[m]], written[m]) for m in MODELS},
        ),
    }
    figures: dict[str, dict[str, Estimate]] = {}
    comparisons: dict[str, Comparison] = {}
    for name, value, is_rate in _by_text(language):
        values = {model: [value(text) for text in texts[model]] for model in MODELS}
        both = values["base"], values["final"]
        if is_rate:
            figures[name] = {model: wilson(int(sum(some)), len(some)) for model, some in values.items()}
            comparisons[name] = compare_rates(*both)
        else:
            figures[name] = {model: bootstrap_mean(some, seed, resamples) for model, some in values.items()}
            comparisons[name] = compare_means(*both, seed, resamples)
    for name, (n, statistics) in sets.items():
        estimate = estimate_share if name == "duplicates" else estimate_set
        figures[name] = {model: estimate(statistics[model], n) for model in MODELS}
        comparisons[name] = compare_jackknife(statistics["base"], statistics["final"])
    gains = _gains(texts, comparisons, seed, resamples)
    every = tuple(text for model in MODELS for text in texts[model])
    return Panel(figures, comparisons, gains, _alarms(figures, comparisons, gains), every)


def _by_text(language: str) -> list[tuple[str, Callable[[JudgedText], float], bool]]:
    """Return the figures that every text has by itself: name, value, and whether it is a rate of texts."""
    return [
        ("judge_ps", lambda text: text.judge_passed, True),
        ("evaluator_ps", lambda text: text.evaluator_passed, True),
        ("words", lambda text: text.words, False),
        ("mattr", lambda text: text.mattr, False),
        ("language_share", lambda text: text.language == language, True),
        ("overlap", lambda text: text.overlap, False),
    ]


def _in_order(judged: Judged, order: Sequence[str], model: str) -> tuple[list[ParseOutcome], list[Verdict]]:
    found = {o.prompt_id: (o, v) for o, v in zip(judged.outcomes, judged.verdicts, strict=True)}
    if found.keys() != set(order):
        raise StageError(f"the prompts of {model} are not those of the base", "panel", "evaluate both again")
    return [found[name][0] for name in order], [found[name][1] for name in order]


def _texts(
    model: str,
    outcomes: Sequence[ParseOutcome],
    verdicts: Sequence[Verdict],
    trained: Sequence[str],
    scoring: ScoringSettings,
    bleu: Mapping[int, float],
) -> list[JudgedText]:
    written = [outcome.text for outcome in outcomes]
    columns = zip(
        outcomes,
        verdicts,
        languages_of([outcome.judged or outcome.text for outcome in outcomes]),
        duplicates(written),
        [bleu.get(place) for place in range(len(written))],
        overlaps(written, trained),
        strict=True,
    )
    return [
        JudgedText(
            model,
            outcome.prompt_id,
            verdict.passed,
            verdict.quality,
            score(verdict, outcome.judged, scoring),
            outcome.passed,
            outcome.quality,
            len(words(outcome.text)),
            outcome.mattr,
            language,
            duplicate,
            own_bleu,
            overlap,
        )
        for outcome, verdict, language, duplicate, own_bleu, overlap in columns
    ]


def _openers(judged: str, language: str) -> list[str]:
    """Return the first words of the sentences that the model began; the first sentence began with the prompt."""
    return [found[0] for sentence in split_sentences(judged, language)[1:] if (found := words(sentence))]


def _gains(
    texts: Mapping[str, Sequence[JudgedText]], comparisons: Mapping[str, Comparison], seed: int, resamples: int
) -> dict[str, Comparison]:
    def lead(model: str) -> list[float]:
        return [float(text.judge_passed) - float(text.evaluator_passed) for text in texts[model]]

    ahead = compare_means(lead("base"), lead("final"), seed, resamples)
    return {"judge": comparisons["judge_ps"], "evaluator": comparisons["evaluator_ps"], "ahead": ahead}


def _alarms(
    figures: Mapping[str, Mapping[str, Estimate]],
    comparisons: Mapping[str, Comparison],
    gains: Mapping[str, Comparison],
) -> tuple[Alarm, ...]:
    """Return what is wrong: the judge's gain ahead of the evaluator's, or a sign that is worse than base and human.

    The signs are tested together (Holm's correction at 5%): of eight, one would be off by chance in a third of runs.
    """
    alarms = []
    judge, evaluator, ahead = (gains[name] for name in ("judge", "evaluator", "ahead"))
    if ahead.delta > 0 and ahead.p < _LEVEL:
        alarms.append(
            Alarm(
                "judge_ahead",
                f"By the training's judge parse success changed by {100 * judge.delta:+.1f} points, by the evaluator "
                f"by {100 * evaluator.delta:+.1f}: the judge's gain runs ahead by {100 * ahead.delta:.1f} points "
                f"[{100 * ahead.low:.1f}, {100 * ahead.high:.1f}]. Part of the gain may be what the judge takes for "
                "grammar, and not grammar.",
            )
        )
    corrected = holm([comparisons[sign.name].p for sign in SIGNS])
    for sign, p in zip(SIGNS, corrected, strict=True):
        name, change = sign.name, comparisons[sign.name]
        final, human = figures[name]["final"].value, figures[name]["human"].value
        worse = change.delta > 0 if sign.higher_is_worse else change.delta < 0
        beyond = final > human if sign.higher_is_worse else final < human
        if p < _LEVEL and worse and beyond:
            base = figures[name]["base"].value
            shown = [f"{100 * x:.1f}%" if sign.percent else f"{x:.3f}" for x in (base, final, human)]
            said = f"{sign.label} went from {shown[0]} to {shown[1]}; human text has {shown[2]}."
            alarms.append(Alarm(name, said))
    return tuple(alarms)
