"""The recipe: what to make (identity, part of every key) and how to make it (runtime, part of none).

The defaults are those of the public SAGA model cards where a card states one; the rest are ours and say so.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from saga_core.trackers import Tracker

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0.0)]
PassRule = Literal["saga", "grammar"]
# Those of TRL by which the loss of a pair depends on that pair alone, so that none depends on the micro-batch.
PreferenceLoss = Literal[
    "sigmoid", "hinge", "ipo", "nca_pair", "bco_pair", "sppo_hard", "apo_zero", "apo_down", "discopop", "sigmoid_norm"
]


class Settings(BaseModel):
    """Base of all settings: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)


class ModelSource(Settings):
    """The base model: a Hub id, a local folder, or ``demo:NAME`` for an embedded one."""

    id: str = Field(min_length=1, description="Hub id, folder, or demo:NAME")
    revision: str | None = Field(None, description="Hub commit or branch; pinned to a commit when planned")
    licence: str = Field("other", description="Licence of the base model, for the model card")
    title: str | None = Field(None, description="Name in the model card's title; default: the last part of id")


class TextSource(Settings):
    """Where documents come from: a local file, or a data set on the Hub. Exactly one of the two."""

    path: str | None = Field(None, description="JSON Lines (.jsonl, .jsonl.gz), plain text (.txt) or demo:NAME")
    hub: str | None = Field(None, description="Hub data set id")
    config: str | None = Field(None, description="Hub data set configuration")
    split: str = Field("train", description="Hub data set split")
    revision: str | None = Field(None, description="Hub commit or branch; pinned to a commit when planned")
    field: str = Field("text", description="Field that holds the text of a document")
    limit: Positive | None = Field(None, description="Read at most so many documents")

    @model_validator(mode="after")
    def _one_place(self) -> TextSource:
        if (self.path is None) == (self.hub is None):
            raise ValueError("give exactly one of path and hub")
        return self


class TaskSource(Settings):
    """Where evaluation items come from: a local file (its format is told by its content) or the Hub."""

    path: str | None = Field(None, description="SQuAD JSON, NorSumm JSON, JSON Lines, NoCoLA's text, or demo:NAME")
    hub: str | None = Field(None, description="Hub data set id")
    split: str = Field("test", description="Hub data set split")
    revision: str | None = Field(None, description="Hub commit or branch; pinned to a commit when planned")

    @model_validator(mode="after")
    def _one_place(self) -> TaskSource:
        if (self.path is None) == (self.hub is None):
            raise ValueError("give exactly one of path and hub")
        return self


class CorpusSettings(Settings):
    """The text of the language, and how it is cut into train, prompts and held-out [ours]."""

    sources: tuple[TextSource, ...] = Field(min_length=1)
    title: str = Field("Wiki", description="Name of the held-out text, as in PPL-Wiki [card]")
    train_sentences: Positive = Field(10_000, description="Sentences for KL-SFT and the NLL term [card]")
    prompts: Positive = Field(4_000, description="Prompts for candidate generation [ours]")
    heldout_prompts: Positive = Field(200, description="Prompts of probe and evaluation [card]")
    heldout_documents: Positive = Field(200, description="Documents for perplexity [ours]")
    prompt_words: Positive = Field(3, description="A prompt is the first so many words of a sentence [ours]")
    min_words: Positive = Field(5, description="Shortest sentence kept, in words [ours]")
    max_words: Positive = Field(40, description="Longest sentence kept, in words [ours]")

    @model_validator(mode="after")
    def _some_length(self) -> CorpusSettings:
        if self.min_words > self.max_words:
            raise ValueError("min_words is more than max_words")
        return self


class ParserSettings(Settings):
    """A parser that judges text: a pipeline of spaCy, Stanza or UDPipe, or Greynir, a grammar of Icelandic."""

    kind: Literal["spacy", "stanza", "greynir", "udpipe", "treebank"]
    model: str | None = Field(
        None,
        min_length=1,
        description="spaCy: package or folder; Stanza: language code or folder; UDPipe: .udpipe file; Greynir: none; "
        "treebank: path or URI of CoNLL-U, from which a spaCy pipeline is trained",
    )
    package: str = Field("default", description="Stanza package, such as default or modern")
    steps: int = Field(4_000, ge=2, description="Kind treebank: most training steps, of up to 1,000 words [ours]")
    text: str | None = Field(
        None,
        min_length=1,
        description="JSON Lines or plain text of the language: the judge learns from it what is no sentence, of kind "
        "treebank also from its treebank [ours]",
    )

    @model_validator(mode="after")
    def _model_where_there_is_a_choice(self) -> ParserSettings:
        if self.kind == "greynir" and self.model is not None:
            raise ValueError("greynir takes no model: its one grammar comes with the library")
        if self.kind != "greynir" and self.model is None:
            raise ValueError(f"{self.kind} needs a model")
        if self.kind == "greynir" and self.text is not None:
            raise ValueError("greynir takes no text: what is no sentence is in its grammar")
        return self


class SamplingSettings(Settings):
    """How one continuation a prompt is drawn when a model is measured."""

    temperature: Rate = Field(0.8, description="As in the card's usage snippet [card]")
    max_new_tokens: Positive = Field(60, description="[card]")
    repetition_penalty: Rate = Field(1.3, description="Applied alike to base and tuned model [card]")


class ProbeSettings(SamplingSettings):
    """How the base model is measured for the gate; apart from the evaluation, whose settings decide nothing."""


class SftSettings(Settings):
    """KL-regularised SFT: CE + kl_weight * KL(pi_theta || pi_base), only below the threshold tau."""

    mode: Literal["auto", "force", "skip"] = Field("auto", description="auto: only when base PS < tau [card]")
    tau: Probability = Field(0.80, description="Auto-SFT threshold on the base's parse success [card]")
    kl_weight: float = Field(0.10, ge=0.0, description="lambda [card]")
    epochs: Positive = Field(3, description="[card]")
    min_quality: Probability = Field(0.65, description="Least judge quality of a training sentence [card]")
    learning_rate: Rate = Field(2e-4, description="LoRA's own rate [ours]")
    batch_size: Positive = Field(64, description="Sentences a step, over all micro-batches [ours]")
    max_length: Positive = Field(256, description="Tokens a row [ours]")
    bf16: bool = Field(True, description="bfloat16 arithmetic [card]")


class LoraSettings(Settings):
    """The low-rank adapter, alike in both training stages [card]."""

    r: int = Field(16, ge=1, le=4_096)
    alpha: Positive = 32
    dropout: float = Field(0.05, ge=0.0, lt=1.0)
    target_modules: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"), min_length=1
    )


class GenerationSettings(Settings):
    """Candidates: per prompt, ``per_temperature`` samples at each temperature [card: 4 at 0.7 and 4 at 1.1]."""

    temperatures: tuple[Rate, ...] = Field((0.7, 1.1), min_length=1)
    per_temperature: Positive = 4
    max_new_tokens: Positive = 60
    repetition_penalty: Rate = 1.3

    @model_validator(mode="after")
    def _rankable(self) -> GenerationSettings:
        if len(set(self.temperatures)) != len(self.temperatures):
            raise ValueError("temperatures must differ from each other")
        if len(self.temperatures) * self.per_temperature < 2:
            raise ValueError("a pair needs at least two candidates a prompt")
        return self


class ScoringSettings(Settings):
    """Verdict to score: (1 - mattr_weight) * quality + mattr_weight * MATTR, or -1 where the text does not parse."""

    mattr_weight: Probability = Field(0.2, description="[card]")
    mattr_window: Positive = Field(25, description="Words; plain TTR below it [ours]")
    unit: Literal["all_sentences", "first_sentence"] = Field("all_sentences", description="Judged unit [ours]")
    pass_rule: PassRule = Field(
        "saga",
        description="saga: a verbal root and a subject [card]; grammar: also worded like real text, for which the "
        "judge needs a text or a treebank [ours]",
    )


class PairSettings(Settings):
    """Best against worst candidate of a prompt."""

    min_gap: float = Field(0.25, ge=0.0, le=2.0, description="delta: least gap of the scores [card]")
    min_chosen: float = Field(0.20, ge=-1.0, le=1.0, description="Floor of the chosen score [card]")


class DpoSettings(Settings):
    """TRL's DPO with a fresh LoRA, optionally with an NLL term on real text of the corpus."""

    loss: PreferenceLoss = Field("sigmoid", description="TRL's loss_type; sigmoid is plain DPO [card]")
    beta: Rate = Field(0.1, description="[card]")
    epochs: Positive = Field(2, description="[card]")
    batch_size: Positive = Field(64, description="Pairs a step: 8 x accumulation 8 [card]")
    learning_rate: Rate = Field(5e-5, description="LoRA's own rate [ours]")
    nll_weight: float = Field(0.0, ge=0.0, description="Weight of the NLL on real text of the corpus [ours; card: 0]")
    min_pairs: Positive = Field(16, description="Fewer pairs than this are too few to train on [ours]")
    max_length: Positive = Field(512, description="Tokens of a pair's side; longer pairs are dropped and counted")
    bf16: bool = Field(True, description="bfloat16 arithmetic [card]")


class ScalaSettings(Settings):
    """Linguistic acceptability after EuroEval's ScaLA."""

    treebank: str = Field(min_length=1, description="CoNLL-U file, or demo:NAME")
    sentences: Positive = Field(1_024, description="Sentences, each once intact and once corrupted [ours]")


class SummarySettings(Settings):
    """Summaries: are they grammatical?"""

    source: TaskSource
    items: Positive = Field(200, description="At most so many documents")
    max_new_tokens: Positive = Field(256, description="[card's evaluation]")


class ReadingSettings(Settings):
    """Reading comprehension: is the answer grammatical (APS), and is it right (F1, EM)?"""

    source: TaskSource
    items: Positive = Field(200, description="At most so many questions")
    max_new_tokens: Positive = Field(32, description="[card's evaluation]")


class AcceptabilitySettings(Settings):
    """Labelled sentences, as NoCoLA's: does the model find the right ones likelier?"""

    source: TaskSource
    sentences: Positive = Field(2_000, description="At most so many sentences [ours]")


class EvaluationSettings(Settings):
    """What is measured by the parser that took no part in the training; base and final alike."""

    sampling: SamplingSettings = SamplingSettings()
    scala: ScalaSettings
    summaries: SummarySettings | None = Field(None, description="None: not measured")
    reading: ReadingSettings | None = Field(None, description="None: not measured")
    acceptability: AcceptabilitySettings | None = Field(None, description="None: not measured")
    on_leak: Literal["leave_out", "fail"] = Field(
        "leave_out", description="What becomes of items that the training text holds, or nearly [ours]"
    )
    stride: Positive = Field(1_024, description="Stride of the perplexity window, tokens [ours]")
    bootstrap: Annotated[int, Field(ge=100)] = Field(2_000, description="Resamples of an interval [ours]")


class RuntimeSettings(Settings):
    """How it is made: never part of a key, never changes which artifact is meant."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    generation_batch: Positive = Field(64, description="Rows generated at once")
    train_micro_batch: Positive = Field(8, description="Rows a forward pass; batch_size / this = accumulation")
    workers: Positive = Field(1, description="Processes of the judge; one where Stanza has the GPU")
    threads: Positive | None = Field(None, description="Torch's threads; default: all cores")
    shard_rows: Positive = Field(
        512, description="Rows kept at once while a stage generates; a kill loses at most these"
    )
    checkpoint_steps: Positive = Field(25, description="Steps between checkpoints; a kill loses at most these")
    report_to: tuple[Tracker, ...] = Field(
        ("tensorboard",), description="Who is told the trainings' logs: names of Transformers' report_to; [] for nobody"
    )


class JudgeRequest(Settings):
    """What the training of a judge needs to be told; a recipe says it and more."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)
    language: str = Field(description="Language code, one of saga_core.languages")
    seed: int = Field(0, ge=0, lt=2**31)
    judge: ParserSettings
    runtime: RuntimeSettings = RuntimeSettings()


class Recipe(JudgeRequest):
    """One language, one base model, and every setting of the way from the one to an aligned adapter."""

    model: ModelSource
    corpus: CorpusSettings
    evaluator: ParserSettings
    probe: ProbeSettings = ProbeSettings()
    sft: SftSettings = SftSettings()
    lora: LoraSettings = LoraSettings()
    generation: GenerationSettings = GenerationSettings()
    scoring: ScoringSettings = ScoringSettings()
    pairs: PairSettings = PairSettings()
    dpo: DpoSettings = DpoSettings()
    evaluation: EvaluationSettings
    training_seed: int | None = Field(
        None, ge=0, lt=2**31, description="Seed of KL-SFT, candidates and DPO alone; None: seed [ours]"
    )

    @property
    def seed_of_training(self) -> int:
        """Seed of what makes the adapter; data, items and the draws of the evaluation have ``seed``."""
        return self.seed if self.training_seed is None else self.training_seed

    @model_validator(mode="after")
    def _parsers_that_are_there(self) -> Recipe:
        if self.evaluator.kind == "treebank" or self.evaluator.text is not None:
            # It would be a pipeline of the judge's own kind, and of its treebank as often as not.
            raise ValueError("an evaluator is a released parser: kind treebank and text are for judges")
        if self.scoring.pass_rule == "grammar" and self.judge.text is None and self.judge.kind != "treebank":
            raise ValueError("scoring.pass_rule grammar needs judge.text, or a judge of kind treebank")
        if self.scoring.pass_rule == "saga" and self.judge.text is not None:
            raise ValueError("judge.text is for scoring.pass_rule grammar")
        return self
