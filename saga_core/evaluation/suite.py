"""The whole evaluation: every task run on one model, its figures, and the comparison of two models.

An evaluation is kept as the outcome of every item, never as a figure alone: figures, intervals and paired
tests are computed from the outcomes, so two models can be compared long after, from stored rows.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from saga_core.errors import StageError
from saga_core.evaluation.diversity import mean_mattr
from saga_core.evaluation.parse import ParseOutcome, parse_score, parse_success
from saga_core.evaluation.perplexity import (
    DocumentOutcome,
    bits_per_byte,
    bits_per_byte_of,
    byte_samples,
    perplexity,
    perplexity_of,
    score_documents,
    token_samples,
)
from saga_core.evaluation.reading import ReadingItem, ReadingOutcome, rc_aps, rc_em, rc_f1
from saga_core.evaluation.scala import ScalaOutcome, ScalaPair, scala_auroc, score_pairs, score_samples
from saga_core.evaluation.statistics import (
    Comparison,
    Estimate,
    Statistic,
    auroc,
    compare_means,
    compare_rates,
    compare_statistics,
)
from saga_core.evaluation.summaries import SummaryItem, SummaryOutcome, summ_ps, summ_score
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
    "summ_ps",
    "summ_score",
    "rc_aps",
    "rc_f1",
    "rc_em",
    "mattr",
)
# Columns of the rows with their Arrow types; a row leaves those of other tasks empty.
ROW_SCHEMA = {
    "task": "string",
    "item_id": "string",
    "text": "string",
    "passed": "bool",
    "quality": "double",
    "mattr": "double",
    "nll": "double",
    "tokens": "int64",
    "bytes": "int64",
    "corruption": "string",
    "good": "double",
    "bad": "double",
    "f1": "double",
    "em": "bool",
}

Outcome = ParseOutcome | DocumentOutcome | ScalaOutcome | SummaryOutcome | ReadingOutcome
OutcomeT = TypeVar("OutcomeT", bound=Outcome)
ItemT = TypeVar("ItemT", SummaryItem, ReadingItem)
# The outcomes of two models on the same items.
Both = tuple[Sequence[OutcomeT], Sequence[OutcomeT]]
Samples = list[list[float]]


@dataclass(frozen=True)
class EvaluationInput:
    """What models are measured on; the same for all that are compared.

    Attributes:
        prompts: Id and text of each prompt.
        heldout_documents: Texts for the perplexity.
        scala: Pairs of intact and corrupted sentences.
        summaries: Documents to summarise.
        reading: Questions to answer.
    """

    prompts: Sequence[tuple[str, str]]
    heldout_documents: Sequence[str]
    scala: Sequence[ScalaPair]
    summaries: Sequence[SummaryItem]
    reading: Sequence[ReadingItem]


@dataclass(frozen=True)
class EvaluationResult:
    """The outcome of every item of every task; summaries and reading are empty where the recipe has none."""

    parse: tuple[ParseOutcome, ...]
    perplexity: tuple[DocumentOutcome, ...]
    scala: tuple[ScalaOutcome, ...]
    summaries: tuple[SummaryOutcome, ...]
    reading: tuple[ReadingOutcome, ...]

    def to_rows(self) -> list[dict[str, Any]]:
        """Return one row an item, each with all columns of ``ROW_SCHEMA``."""
        return [row_of(task, outcome) for task in _KINDS for outcome in getattr(self, task)]

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> EvaluationResult:
        """Build a result again from its rows.

        Raises:
            StageError: A row is of no known task, or lacks a value that its task needs.
        """
        outcomes: dict[str, list[Any]] = {task: [] for task in _KINDS}
        for number, row in enumerate(rows):
            outcome = outcome_of(row, number)
            outcomes[row["task"]].append(outcome)
        return cls(**{task: tuple(some) for task, some in outcomes.items()})


_KINDS: dict[str, type[Outcome]] = {
    "parse": ParseOutcome,
    "perplexity": DocumentOutcome,
    "scala": ScalaOutcome,
    "summaries": SummaryOutcome,
    "reading": ReadingOutcome,
}


def row_of(task: str, outcome: Outcome) -> dict[str, Any]:
    """Return the row of an item's outcome, with all columns of ``ROW_SCHEMA``."""
    values = asdict(outcome)
    values["item_id"] = values.pop("prompt_id", values.get("item_id"))
    return dict.fromkeys(ROW_SCHEMA) | {"task": task} | values


def outcome_of(row: Mapping[str, Any], number: int) -> Any:  # noqa: ANN401 - of the task's kind
    """Return the outcome that a row holds.

    Args:
        row: As ``row_of`` made it.
        number: Of the row, for the error.

    Raises:
        StageError: The row is of no known task, or lacks a value that its task needs.
    """
    where = f"row {number} of the evaluation"
    kind = _KINDS.get(row.get("task", ""))
    if kind is None:
        raise StageError(f"task {row.get('task')!r} is not known", where, "evaluate again")
    values = {**row, "prompt_id": row.get("item_id")}
    wanted: dict[str, Any] = {field.name: values.get(field.name) for field in fields(kind)}
    if lacking := sorted(name for name, value in wanted.items() if value is None):
        raise StageError(f"no value of {', '.join(lacking)}", where, "evaluate again")
    return kind(**wanted)


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
        StageError: Two prompts have one id, or a prompt does not fit the model's context.
    """
    # PyTorch is large, and comparing stored results does without it.
    from saga_core.evaluation.generated import Writer

    if len({name for name, _ in inputs.prompts}) < len(inputs.prompts):
        raise StageError("an id occurs twice", "prompts", "give every prompt an id of its own")
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
    summaries: list[SummaryOutcome] = []
    if settings.summaries:
        summary_length = settings.summaries.max_new_tokens
        summaries = run(
            "summaries",
            _told_apart(inputs.summaries),
            lambda part, t: writer.summaries(part, summary_prompt, summary_length, t),
            *drawn_and_judged,
        )
    answers: list[ReadingOutcome] = []
    if settings.reading:
        answer_length = settings.reading.max_new_tokens
        answers = run(
            "reading",
            _told_apart(inputs.reading),
            lambda part, t: writer.answers(part, reading_prompt, answer_length, t),
            *drawn_and_judged,
        )
    return EvaluationResult(tuple(parsed), tuple(likely), tuple(accepted), tuple(summaries), tuple(answers))


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
    figures = {
        "parse_success": parse_success(result.parse),
        "parse_score": parse_score(result.parse, *sampling),
        "ppl": perplexity(result.perplexity, *sampling),
        "bits_per_byte": bits_per_byte(result.perplexity, *sampling),
        "scala_auroc": scala_auroc(result.scala, *sampling),
    }
    if result.summaries:
        figures |= {"summ_ps": summ_ps(result.summaries), "summ_score": summ_score(result.summaries, *sampling)}
    if result.reading:
        figures |= {"rc_aps": rc_aps(result.reading), "rc_f1": rc_f1(result.reading, *sampling)}
        figures |= {"rc_em": rc_em(result.reading)}
    return figures | {"mattr": mean_mattr(result.parse, *sampling)}


def compare(base: EvaluationResult, final: EvaluationResult, seed: int, resamples: int) -> dict[str, Comparison]:
    """Compare two models, item by item: final minus base of each measured figure of ``METRICS``, in that order.

    Rates are compared by McNemar's exact test, means by a paired permutation test, perplexity, bits per byte
    and AUROC by a paired bootstrap over documents or sentence pairs.

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

    def rates(models: Both[Outcome], name: str) -> Comparison:
        before, after = (_values(outcomes, name) for outcomes in models)
        return compare_rates(before, after, seed, resamples)

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


def _told_apart(items: Sequence[ItemT]) -> list[ItemT]:
    """Number items whose id occurred before, ``621#2``: published data sets, NorQuAD among them, repeat ids."""
    seen: Counter[str] = Counter()
    distinct = []
    for item in items:
        seen[item.id] += 1
        distinct.append(item if seen[item.id] == 1 else replace(item, id=f"{item.id}#{seen[item.id]}"))
    return distinct


def _content_id(number: int, text: str) -> str:
    """Name an item by its place and its content, so that other text is never taken for the same item."""
    return f"{number}:{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
