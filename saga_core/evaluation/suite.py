"""The whole evaluation: every task run on one model, its figures, and the comparison of two models.

Figures, intervals and paired tests are computed from the outcomes of items (``outcomes.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from saga_core.errors import StageError
from saga_core.evaluation.acceptability import acceptability_auroc, label_samples, score_sentences
from saga_core.evaluation.delong import compare_delong
from saga_core.evaluation.diversity import mean_mattr
from saga_core.evaluation.inputs import EvaluationInput
from saga_core.evaluation.outcomes import EvaluationResult, Outcome
from saga_core.evaluation.parse import ParseOutcome, parse_score, parse_success
from saga_core.evaluation.perplexity import (
    bits_per_byte,
    bits_per_byte_of,
    byte_samples,
    perplexity,
    perplexity_of,
    score_documents,
    token_samples,
)
from saga_core.evaluation.reading import ReadingOutcome, rc_aps, rc_em, rc_f1
from saga_core.evaluation.scala import scala_auroc, score_pairs, score_samples
from saga_core.evaluation.statistics import (
    Comparison,
    Estimate,
    Statistic,
    auroc,
    compare_means,
    compare_rates,
    compare_statistics,
)
from saga_core.evaluation.summaries import SummaryOutcome, summ_ps, summ_score
from saga_core.judges.protocol import Judge
from saga_core.progress import Tick, progress
from saga_core.recipe import EvaluationSettings, ScoringSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

METRICS = (
    "parse_success",
    "parse_score",
    "ppl",
    "bits_per_byte",
    "scala_auroc",
    "acceptability_auroc",
    "summ_ps",
    "summ_score",
    "rc_aps",
    "rc_f1",
    "rc_em",
    "mattr",
)
OutcomeT = TypeVar("OutcomeT", bound=Outcome)
# The outcomes of two models on the same items.
Both = tuple[Sequence[OutcomeT], Sequence[OutcomeT]]
Samples = list[list[float]]


class Measure(Protocol):
    """How the outcomes of many items come about: at once, or in shards that are kept."""

    def __call__(
        self,
        task: str,
        items: Sequence[Any],
        measure: Callable[[Sequence[Any], Tick], Sequence[Outcome]],
        unit: str,
        steps: int,
    ) -> list[Any]:
        """Return the outcomes of the items, in order.

        Args:
            task: One of the tasks, as in the rows.
            items: What is measured.
            measure: Measures some of the items, and calls the tick ``steps`` times for each.
            unit: Of a tick, plural.
            steps: Ticks an item.
        """


def at_once(
    task: str,
    items: Sequence[Any],
    measure: Callable[[Sequence[Any], Tick], Sequence[Outcome]],
    unit: str,
    steps: int,
) -> list[Any]:
    """Measure all items together."""
    with progress(task, steps * len(items), unit) as tick:
        return list(measure(items, tick))


def evaluate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    judge: Judge,
    inputs: EvaluationInput,
    settings: EvaluationSettings,
    language: str,
    summary_prompt: str,
    reading_prompt: str,
    scoring: ScoringSettings,
    seed: int,
    batch_size: int,
    run: Measure = at_once,
) -> EvaluationResult:
    """Measure a model on every task.

    All generation draws by the same temperature and repetition penalty, from seeds that depend on the item
    alone. What the token limit cut is judged up to its last complete sentence, what the model ended is judged
    whole.

    Args:
        model: Causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        judge: A parser that took no part in the training.
        inputs: What to measure on.
        settings: Lengths, temperature, stride.
        language: Language code, for finding complete sentences.
        summary_prompt: Template with ``{text}``.
        reading_prompt: Template with ``{text}`` and ``{question}``.
        scoring: MATTR's window.
        seed: Seed of the draws.
        batch_size: Rows generated or scored at once; changes no text.
        run: Brings the outcomes of many items about.

    Raises:
        StageError: Two items of a task have one id, or a prompt does not fit the model's context.
    """
    # PyTorch is large, and comparing stored results does without it.
    from saga_core.evaluation.generated import Writer

    ids = {"prompts": [name for name, _ in inputs.prompts]}
    ids |= {"summaries": [item.id for item in inputs.summaries], "reading": [item.id for item in inputs.reading]}
    for task, names in ids.items():
        if len(set(names)) < len(names):
            raise StageError("an id occurs twice", task, "give every item an id of its own")
    documents = [(_content_id(i, text), text) for i, text in enumerate(inputs.heldout_documents)]
    pairs = [(_content_id(i, f"{pair.good}\n{pair.bad}"), pair) for i, pair in enumerate(inputs.scala)]
    writer = Writer(model, tokenizer, judge, settings.sampling, language, seed, batch_size)
    drawn_and_judged = ("draws and verdicts", 2)
    parsed = run(
        "parse", inputs.prompts, lambda part, t: writer.continuations(part, scoring.mattr_window, t), *drawn_and_judged
    )
    likely = run(
        "perplexity",
        documents,
        lambda part, t: score_documents(model, tokenizer, part, settings.stride, batch_size, t),
        "documents",
        1,
    )
    accepted = run("scala", pairs, lambda part, t: score_pairs(model, tokenizer, part, batch_size, t), "sentences", 2)
    labelled = [(_content_id(i, item.text), item) for i, item in enumerate(inputs.acceptability)]
    liked = run(
        "acceptability",
        labelled,
        lambda part, t: score_sentences(model, tokenizer, part, batch_size, t),
        "sentences",
        1,
    )
    summaries: list[SummaryOutcome] = []
    if settings.summaries:
        summary_length = settings.summaries.max_new_tokens
        summaries = run(
            "summaries",
            inputs.summaries,
            lambda part, t: writer.summaries(part, summary_prompt, summary_length, t),
            *drawn_and_judged,
        )
    answers: list[ReadingOutcome] = []
    if settings.reading:
        answer_length = settings.reading.max_new_tokens
        answers = run(
            "reading",
            inputs.reading,
            lambda part, t: writer.answers(part, reading_prompt, answer_length, t),
            *drawn_and_judged,
        )
    outcomes = (parsed, likely, accepted, summaries, answers, liked)
    return EvaluationResult(*map(tuple, outcomes))


def metrics(result: EvaluationResult, seed: int, resamples: int) -> dict[str, Estimate]:
    """Return each figure of ``METRICS`` that was measured, in that order; rates are fractions in 0..1.

    Args:
        result: An evaluation.
        seed: Seed of the resampling.
        resamples: Resamples of an interval.

    Raises:
        StageError: A task that every evaluation has is without an item.
    """
    sampling = (seed, resamples)
    written = written_metrics(result, seed, resamples)
    figures = {
        "ppl": perplexity(result.perplexity, *sampling),
        "bits_per_byte": bits_per_byte(result.perplexity, *sampling),
        "scala_auroc": scala_auroc(result.scala, *sampling),
    }
    if result.acceptability:
        figures |= {"acceptability_auroc": acceptability_auroc(result.acceptability)}
    if result.reading:
        figures |= {"rc_f1": rc_f1(result.reading, *sampling), "rc_em": rc_em(result.reading)}
    figures |= written
    return {name: figures[name] for name in METRICS if name in figures}


def written_metrics(result: EvaluationResult, seed: int, resamples: int) -> dict[str, Estimate]:
    """Return the figures that any text has, also one by people: how it parses, and how varied it is.

    Args:
        result: An evaluation with the tasks in which something is written.
        seed: Seed of the resampling.
        resamples: Resamples of an interval.
    """
    sampling = (seed, resamples)
    figures = {"parse_success": parse_success(result.parse), "parse_score": parse_score(result.parse, *sampling)}
    if result.summaries:
        figures |= {"summ_ps": summ_ps(result.summaries), "summ_score": summ_score(result.summaries, *sampling)}
    if result.reading:
        figures |= {"rc_aps": rc_aps(result.reading)}
    return figures | {"mattr": mean_mattr(result.parse, *sampling)}


def compare(base: EvaluationResult, final: EvaluationResult, seed: int, resamples: int) -> dict[str, Comparison]:
    """Compare two models, item by item: final minus base of each measured figure of ``METRICS``, in that order.

    Rates are compared by McNemar's exact test, means by a paired permutation test, perplexity, bits per byte
    and ScaLA's AUROC by a paired bootstrap over documents or sentence pairs, the AUROC of labelled sentences by
    DeLong's paired test.

    Args:
        base: Evaluation of the first model.
        final: Evaluation of the second, of the same items in any order.
        seed: Seed of the resampling.
        resamples: Resamples of an interval.

    Raises:
        StageError: The two were not measured on the same items.
    """
    parse = _matched("parse", base.parse, final.parse)
    documents = _matched("perplexity", base.perplexity, final.perplexity)
    pairs = _matched("scala", base.scala, final.scala)
    summaries = _matched("summaries", base.summaries, final.summaries)
    reading = _matched("reading", base.reading, final.reading)
    labelled = _matched("acceptability", base.acceptability, final.acceptability)

    def rates(models: Both[Outcome], name: str) -> Comparison:
        before, after = (_values(outcomes, name) for outcomes in models)
        return compare_rates(before, after)

    def means(models: Both[Outcome], name: str) -> Comparison:
        before, after = (_values(outcomes, name) for outcomes in models)
        return compare_means(before, after, seed, resamples)

    def statistics(
        models: Both[OutcomeT], statistic: Statistic, samples: Callable[[Sequence[OutcomeT]], Samples]
    ) -> Comparison:
        before, after = (samples(outcomes) for outcomes in models)
        return compare_statistics(statistic, before, after, seed, resamples)

    compared = {
        "parse_success": rates(parse, "passed"),
        "parse_score": means(parse, "quality"),
        "ppl": statistics(documents, perplexity_of, token_samples),
        "bits_per_byte": statistics(documents, bits_per_byte_of, byte_samples),
        "scala_auroc": statistics(pairs, auroc, score_samples),
    }
    if base.acceptability:
        compared |= {"acceptability_auroc": compare_delong(*(label_samples(outcomes) for outcomes in labelled))}
    if base.summaries:
        compared |= {"summ_ps": rates(summaries, "passed"), "summ_score": means(summaries, "quality")}
    if base.reading:
        compared |= {"rc_aps": rates(reading, "passed"), "rc_f1": means(reading, "f1"), "rc_em": rates(reading, "em")}
    return compared | {"mattr": means(parse, "mattr")}


def _values(outcomes: Sequence[Outcome], name: str) -> list[float]:
    return [float(getattr(outcome, name)) for outcome in outcomes]


def _matched(task: str, base: Sequence[OutcomeT], final: Sequence[OutcomeT]) -> tuple[list[OutcomeT], list[OutcomeT]]:
    """Return both models' outcomes in the order of the first's."""
    first, second = ({_id(outcome): outcome for outcome in outcomes} for outcomes in (base, final))
    if len(first) < len(base) or len(second) < len(final) or first.keys() != second.keys():
        odd = sorted(first.keys() ^ second.keys())
        example = f", such as {odd[0]}, which one of them lacks" if odd else ""
        raise StageError(
            f"the two models were not measured on the same items{example}", f"task {task}", "evaluate both again"
        )
    return list(first.values()), [second[name] for name in first]


def _id(outcome: Outcome) -> str:
    return outcome.prompt_id if isinstance(outcome, ParseOutcome) else outcome.item_id


def _content_id(number: int, text: str) -> str:
    """Name an item by its place and its content, so that other text is never taken for the same item."""
    return f"{number}:{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
