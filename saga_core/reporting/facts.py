"""What a model card is made of: the recipe, the run's decisions and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from saga_core import languages
from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.languages import Language
from saga_core.recipe import Recipe
from saga_core.reporting.results import Column


@dataclass(frozen=True)
class CardFacts:
    """Everything a model card says beyond its fixed sentences.

    Attributes:
        recipe: The run's recipe.
        base_title: Name of the base model in text, such as ``Llama-3.2-1B``.
        base_id: What loads the base model: a Hub id or a folder.
        adapter_id: What loads the adapter: a Hub id or a folder.
        sft_ran: Whether KL-SFT ran before DPO.
        sft_sentences: Number of sentences it was trained on; 0 where it did not run.
        base_ps: The probe's parse success of the base, by the judge; a fraction in 0..1.
        pairs: Number of preference pairs trained on.
        pair_report: How the pairs were chosen: ``mean_chosen``, ``mean_rejected``, ``rejected_unparsed`` (share of
            rejected sides that do not parse), ``chosen_share`` and ``rejected_share`` by temperature.
        dpo_loss: DPO's loss, without the NLL term, mean over the pairs of the last epoch.
        dpo_reward_accuracy: Reward accuracy over the pairs of the last epoch, a fraction in 0..1.
        evaluator: Name of the evaluating parser, such as ``Stanza``.
        judge: Name of the judging parser and its model, such as ``spaCy nb_core_news_lg``.
        versions: Version by package.
        columns: Figures: the base first, this model last, others of an ablation between them; then human text.
        comparisons: Paired comparison, this model minus the base, by metric; empty where none was made.
        detectable: The smallest difference that so many items would show, by metric; None where it cannot be told.
        panel: Headline of the hacking panel; None where there is none.
        findings: What the judge's own check found, as mappings; empty where it was not checked.
        left_out: By task, items that were left out because the training has seen them.
    """

    recipe: Recipe
    base_title: str
    base_id: str
    adapter_id: str
    sft_ran: bool
    sft_sentences: int
    base_ps: Estimate
    pairs: int
    pair_report: Mapping[str, Any]
    dpo_loss: float
    dpo_reward_accuracy: float
    evaluator: str
    judge: str
    versions: Mapping[str, str]
    columns: tuple[Column, ...]
    comparisons: Mapping[str, Comparison]
    detectable: Mapping[str, float | None] = field(default_factory=dict)
    panel: Mapping[str, Any] | None = None
    findings: Sequence[Mapping[str, Any]] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def language(self) -> Language:
        """The recipe's language."""
        return languages.get(self.recipe.language)

    @property
    def text(self) -> str:
        """Name of the held-out text of the perplexity, such as ``Wiki``."""
        return self.recipe.corpus.title

    @property
    def above_tau(self) -> bool:
        """Whether the base reaches the threshold at which SAGA skips KL-SFT."""
        return self.base_ps.value >= self.recipe.sft.tau

    @property
    def forced_above_tau(self) -> bool:
        """Whether KL-SFT ran only because the recipe forced it: the run is an ablation."""
        return self.recipe.sft.mode == "force" and self.sft_ran and self.above_tau

    @property
    def tau_in_interval(self) -> bool:
        """Whether the base cannot be told from the threshold: it lies inside the interval of base PS."""
        return self.base_ps.low <= self.recipe.sft.tau <= self.base_ps.high

    @property
    def held_out(self) -> bool:
        """Whether the evaluator is another parser than the judge."""
        return self.recipe.evaluator != self.recipe.judge
