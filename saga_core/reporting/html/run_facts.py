"""What the page of a run is made of; whatever a run does not have is None or empty, and the page says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.reporting.results import Column


@dataclass(frozen=True)
class Made:
    """How an artifact came about.

    Attributes:
        key: SHA-256 of what was asked for.
        digest: SHA-256 of what came out.
        version: The stage's ``VERSION``.
        created: UTC time of completion, ISO 8601.
        seconds: Wall-clock seconds that the stage took.
        saga: Version of the code.
        commit: Its git commit, or None.
        python: Version of Python.
        packages: Version by package.
        size: Bytes of its files.
        inputs: Key by the name of the stage that it was made from.
    """

    key: str
    digest: str
    version: int
    created: str
    seconds: float
    saga: str
    commit: str | None
    python: str
    packages: Mapping[str, str]
    size: int
    inputs: Mapping[str, str]


@dataclass(frozen=True)
class RunStage:
    """What became of a stage in the run.

    Attributes:
        stage: Its name.
        state: ``computed``, ``cached``, ``skipped``, ``refused`` or ``failed``.
        why: The reason, in words.
        pool: Work pool that it belongs to, or None where that is not known.
        made: How its artifact came about; None where there is none, or none any more.
    """

    stage: str
    state: str
    why: str
    pool: str | None
    made: Made | None


@dataclass(frozen=True)
class Gate:
    """The τ gate.

    Attributes:
        rate: The base's parse success by the judge, a share in 0..1.
        tau: The threshold.
        mode: ``auto``, ``force`` or ``skip``.
        run_sft: What was decided.
    """

    rate: Estimate
    tau: float
    mode: str
    run_sft: bool


@dataclass(frozen=True)
class Checked:
    """One figure of the judge's own check; see ``saga_core.judges.checking.Finding``."""

    group: str
    name: str
    measure: str
    value: float
    low: float
    high: float
    n: int

    @property
    def estimate(self) -> Estimate:
        """The figure with its interval."""
        return Estimate(self.value, self.low, self.high, self.n)


@dataclass(frozen=True)
class Alarm:
    """An alarm of the hacking panel: its name, and what it says."""

    name: str
    said: str


@dataclass(frozen=True)
class Panel:
    """The hacking panel: has the model learned grammar, or what its judge overlooks?

    Attributes:
        figures: By name and then by ``human``, ``base`` or ``final``.
        comparisons: Final minus base, by name.
        gains: The gain by the judge, by the evaluator, and by how much the judge's is ahead.
        alarms: What should worry a reader.
        scores: Scores by the judge, -1 or in (0, 1], by ``human``, ``base`` or ``final``.
    """

    figures: Mapping[str, Mapping[str, Estimate]]
    comparisons: Mapping[str, Comparison]
    gains: Mapping[str, Comparison]
    alarms: Sequence[Alarm]
    scores: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Word:
    """A word of a parsed sentence: form, part of speech, place of its head from 1 (0: root), relation."""

    form: str
    upos: str
    head: int
    deprel: str


@dataclass(frozen=True)
class ReadSentence:
    """A sentence as the evaluator saw it: its verdict, why it failed, and its tree where it makes one."""

    text: str
    passed: bool
    quality: float
    reasons: tuple[str, ...]
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Written:
    """A continuation of a prompt.

    Attributes:
        text: The continuation.
        passed: The evaluator's verdict; None where it gave none.
        quality: Its quality, 0 where it failed; None without a verdict.
        judged: What the evaluator saw: prompt and complete sentences; None where that is not stored.
        sentences: Its sentences; empty where they are not stored.
        judge_passed: The verdict of the training's judge; None where it gave none.
    """

    text: str
    passed: bool | None = None
    quality: float | None = None
    judged: str | None = None
    sentences: tuple[ReadSentence, ...] = ()
    judge_passed: bool | None = None


@dataclass(frozen=True)
class Prompted:
    """A held-out prompt with its continuations: by a person, by the base, and by the aligned model."""

    item_id: str
    prompt: str
    human: Written | None
    base: Written
    final: Written


@dataclass(frozen=True)
class RunFacts:
    """Everything that the page tells of a run.

    Attributes:
        run: Its name.
        recipe: The recipe's name.
        time: When it was started, UTC, ISO 8601.
        stages: What became of each stage, in order.
        language: The language's code.
        language_name: Its English name.
        base_title: Name of the base model in text.
        judge: Name of the judging parser.
        evaluator: Name of the evaluating parser.
        held_out: Whether the evaluator is another parser than the judge.
        text: Name of the held-out text of the perplexity.
        seed: The recipe's seed.
        columns: Figures of the base and of the aligned model; empty before both are evaluated.
        human: Figures of human text, or None.
        comparisons: Paired comparison, aligned minus base, by metric.
        detectable: Smallest difference that a comparison would have found four times out of five, by metric.
        adapted: Whether the training saw real text of the corpus that the perplexity's text is from.
        gate: The gate, or None.
        sft_history: Rows of KL-SFT's log.
        dpo_history: Rows of DPO's log.
        candidate_scores: The judge's scores of all candidates, each -1 or in (0, 1].
        pairs: What became of the prompts, and the pairs' means; empty where there are none.
        chosen: Scores of the pairs' better sides.
        rejected: Scores of the pairs' worse sides.
        judge_training: A trained judge's scores; empty where the recipe names a parser.
        judge_check: The judge's own check; empty where none was made.
        panel: The hacking panel, or None.
        items: How many items the models were measured on, by task; empty where it is not stored.
        left_out: How many were left out, because the training has seen them or near-duplicates, by task.
        prompted: All held-out prompts with their continuations.
        promotion: The verdict of a retraining, ``promote`` or ``keep``, or None.
        promotion_reasons: Why, one line each.
    """

    run: str
    recipe: str
    time: str
    stages: tuple[RunStage, ...]
    language: str
    language_name: str
    base_title: str
    judge: str
    evaluator: str
    held_out: bool
    text: str
    seed: int
    columns: tuple[Column, ...] = ()
    human: Column | None = None
    comparisons: Mapping[str, Comparison] = field(default_factory=dict)
    detectable: Mapping[str, float | None] = field(default_factory=dict)
    adapted: bool = False
    gate: Gate | None = None
    sft_history: Sequence[Mapping[str, Any]] = ()
    dpo_history: Sequence[Mapping[str, Any]] = ()
    candidate_scores: Sequence[float] = ()
    pairs: Mapping[str, Any] = field(default_factory=dict)
    chosen: Sequence[float] = ()
    rejected: Sequence[float] = ()
    judge_training: Mapping[str, Any] = field(default_factory=dict)
    judge_check: Sequence[Checked] = ()
    panel: Panel | None = None
    items: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    prompted: Sequence[Prompted] = ()
    promotion: str | None = None
    promotion_reasons: Sequence[str] = ()

    def absent(self, stage: str, done: str = "measured") -> str:
        """Return why a section is empty, from what became of its stage in the run.

        Args:
            stage: The stage.
            done: What it would have done.
        """
        for each in self.stages:
            if each.stage == stage and each.made is None:
                return f"Not {done} in this run: {each.state} ({each.why})."
        return f"Not {done} in this run."
