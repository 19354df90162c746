"""The whole evaluation: every task run on one model, its figures, and the comparison of two models.

An evaluation is kept as the outcome of every item, never as a figure alone: figures, intervals and paired tests are
computed from the outcomes, so two models can be compared long after, from stored rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from saga_core.errors import StageError
from saga_core.evaluation.diversity import mean_mattr
from saga_core.evaluation.parse import ParseOutcome, judge_texts, parse_score, parse_success
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
from saga_core.evaluation.prompts import fit_prompt
from saga_core.evaluation.reading import (
    ReadingItem,
    ReadingOutcome,
    exact_match,
    f1,
    first_line,
    rc_aps,
    rc_em,
    rc_f1,
)
from saga_core.evaluation.scala import ScalaOutcome, ScalaPair, scala_auroc, score_pairs
from saga_core.evaluation.statistics import (
    Comparison,
    Estimate,
    auroc,
    compare_means,
    compare_rates,
    compare_statistics,
)
from saga_core.evaluation.summaries import SummaryItem, SummaryOutcome, summ_ps, summ_score
from saga_core.judges.protocol import Judge
from saga_core.progress import progress
from saga_core.recipe import EvaluationSettings, SamplingSettings, ScoringSettings
from saga_core.rewards.mattr import mattr

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from saga_core.generation.sampler import Completion

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
_RESAMPLES = 2_000

Outcome = ParseOutcome | DocumentOutcome | ScalaOutcome | SummaryOutcome | ReadingOutcome
OutcomeT = TypeVar("OutcomeT", bound=Outcome)


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
    """The outcome of every item of every task."""

    parse: tuple[ParseOutcome, ...]
    perplexity: tuple[DocumentOutcome, ...]
    scala: tuple[ScalaOutcome, ...]
    summaries: tuple[SummaryOutcome, ...]
    reading: tuple[ReadingOutcome, ...]

    def to_rows(self) -> list[dict[str, Any]]:
        """Return one row an item, each with all columns of ``ROW_SCHEMA``."""
        rows = []
        for task in _KINDS:
            for outcome in getattr(self, task):
                values = asdict(outcome)
                values["item_id"] = values.pop("prompt_id", values.get("item_id"))
                rows.append(dict.fromkeys(ROW_SCHEMA) | {"task": task} | values)
        return rows

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> EvaluationResult:
        """Build a result again from its rows.

        Raises:
            StageError: A row is of no known task, or lacks a value that its task needs.
        """
        outcomes: dict[str, list[Any]] = {task: [] for task in _KINDS}
        for number, row in enumerate(rows):
            where = f"row {number} of the evaluation"
            kind = _KINDS.get(row.get("task", ""))
            if kind is None:
                raise StageError(f"task {row.get('task')!r} is not known", where, "evaluate again")
            values = {**row, "prompt_id": row.get("item_id")}
            wanted = {field.name: values.get(field.name) for field in fields(kind)}
            if lacking := sorted(name for name, value in wanted.items() if value is None):
                raise StageError(f"no value of {', '.join(lacking)}", where, "evaluate again")
            outcomes[row["task"]].append(kind(**wanted))
        return cls(**{task: tuple(some) for task, some in outcomes.items()})


_KINDS: dict[str, Callable[..., Outcome]] = {
    "parse": ParseOutcome,
    "perplexity": DocumentOutcome,
    "scala": ScalaOutcome,
    "summaries": SummaryOutcome,
    "reading": ReadingOutcome,
}


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
) -> EvaluationResult:
    """Measure a model on every task.

    All generation draws by the same temperature and repetition penalty, from seeds that depend on the item alone. A
    continuation that the token limit cut is judged up to its last complete sentence, one that the model ended
    is judged whole.

    Args:
        model: Causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        judge: A parser that took no part in the training.
        inputs: What to measure on; ids must not repeat within a task.
        settings: Lengths, temperature, stride.
        language: Language code, for finding complete sentences.
        summary_prompt: Template with ``{text}``.
        reading_prompt: Template with ``{text}`` and ``{question}``.
        scoring: MATTR's window.
        seed: Seed of the draws.
        batch_size: Rows generated or scored at once; changes no text.

    Raises:
        StageError: An id repeats, or a prompt does not fit the model's context.
    """
    run = _Run(model, tokenizer, judge, settings.sampling, language, seed, batch_size)
    documents = [(_content_id(i, text), text) for i, text in enumerate(inputs.heldout_documents)]
    pairs = [(_content_id(i, f"{pair.good}\n{pair.bad}"), pair) for i, pair in enumerate(inputs.scala)]
    for task, ids in (
        ("prompts", [name for name, _ in inputs.prompts]),
        ("summaries", [item.id for item in inputs.summaries]),
        ("reading", [item.id for item in inputs.reading]),
    ):
        _by_id(ids, ids, task)
    parse = run.continuations(inputs.prompts, scoring.mattr_window)
    with progress("perplexity", len(documents), "documents") as tick:
        scored = score_documents(model, tokenizer, documents, settings.stride, batch_size, tick)
    with progress("ScaLA", 2 * len(pairs), "sentences") as tick:
        scala = score_pairs(model, tokenizer, pairs, batch_size, tick)
    summaries = run.summaries(inputs.summaries, summary_prompt, settings.summaries.max_new_tokens)
    reading = run.answers(inputs.reading, reading_prompt, settings.reading.max_new_tokens)
    return EvaluationResult(tuple(parse), tuple(scored), tuple(scala), tuple(summaries), tuple(reading))
