"""From the evaluations' headlines to what a person reads: the card's facts and the table at a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saga_core.artifacts.record import provenance
from saga_core.artifacts.store import Store
from saga_core.errors import UserError
from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.recipe import ParserSettings
from saga_core.reporting.results import Column, to_rich
from tasks.stage import Work

if TYPE_CHECKING:
    from rich.table import Table

    from saga_core.reporting.facts import CardFacts

LIBRARIES = {"spacy": "spaCy", "stanza": "Stanza", "greynir": "Greynir", "udpipe": "UDPipe", "treebank": "spaCy"}


def card_facts(work: Work) -> CardFacts:
    """Gather everything that the model card tells of a run."""
    from saga_core.reporting.facts import CardFacts

    recipe, seen, base = work.recipe, work.headlines, work.outside["model"]
    sft_ran = "sft" in work.inputs
    gate, dpo = seen["gate"], seen["dpo"]
    return CardFacts(
        recipe=recipe,
        base_title=recipe.model.title or recipe.model.id.rsplit("/", 1)[-1],
        base_id=base.location,
        # Only a folder can be loaded as it stands; from other storage it is downloaded under this name.
        adapter_id=f"{recipe.name}-saga" if "://" in work.uri else work.uri,
        sft_ran=sft_ran,
        sft_sentences=seen["sft"]["sentences"] if sft_ran else 0,
        base_ps=Estimate(gate["parse_success"], gate["low"], gate["high"], gate["n"]),
        pairs=dpo["pairs"],
        pair_report=seen["pairs"],
        dpo_loss=dpo["dpo_loss"],
        dpo_reward_accuracy=dpo["reward_accuracy"],
        evaluator=LIBRARIES[recipe.evaluator.kind],
        judge=_with_model(recipe.judge),
        versions=provenance().packages,
        columns=columns_of(seen["evaluate_base"], seen["evaluate"], seen["evaluate_human"], sft_ran),
        comparisons=comparisons_of(seen["evaluate"]),
        detectable=seen["evaluate"]["detectable"],
        panel=seen["panel"],
        findings=seen["judge_check"]["findings"],
        left_out=seen["items"]["left_out"],
    )


def results_table(report: Mapping[str, Any], store: Store, width: int) -> Table:
    """Return the results of a finished run as a table for a terminal.

    Args:
        report: The run's report.
        store: The store that holds its artifacts.
        width: Columns of the terminal.
    """
    keys = {row["stage"]: row["key"] for row in report["stages"]}
    headlines = {}
    for stage in ("evaluate_human", "evaluate_base", "evaluate", "publish"):
        record = store.find(stage, keys[stage]) if keys.get(stage) else None
        headlines[stage] = record
    human, base, final, published = headlines.values()
    if base is None or final is None:
        raise UserError("the evaluation is no longer in the store", str(report["run"]), "run the recipe again")
    settings = published.payload["settings"] if published else None
    return to_rich(
        columns_of(
            base.headline,
            final.headline,
            human.headline if human else None,
            published is not None and "sft" in published.inputs,
        ),
        comparisons_of(final.headline),
        evaluator=LIBRARIES[settings["evaluator"]["kind"]] if settings else "Held-out",
        text=settings["corpus"]["title"] if settings else "held-out",
        width=width,
    )


def columns_of(
    base: Mapping[str, Any], final: Mapping[str, Any], human: Mapping[str, Any] | None, sft_ran: bool
) -> tuple[Column, ...]:
    """Return the columns of base, aligned model and human text, from the headlines of their evaluations."""
    name = "KL-SFT + Δ-DPO" if sft_ran else "Δ-DPO"
    columns = (Column("Base", estimates_of(base)), Column(f"{name} (this)", estimates_of(final)))
    return columns if human is None else (*columns, human_column(human))


def human_column(headline: Mapping[str, Any]) -> Column:
    """Return the column of human text, from the headline of its evaluation."""
    return Column("Human", estimates_of(headline), reference=True)


def estimates_of(headline: Mapping[str, Any]) -> dict[str, Estimate]:
    """Return the figures of an evaluation's headline, by metric."""
    return {metric: Estimate(**value) for metric, value in headline["metrics"].items()}


def comparisons_of(final: Mapping[str, Any]) -> dict[str, Comparison]:
    """Return the paired comparisons of an evaluation's headline, by metric."""
    return {metric: Comparison(**value) for metric, value in final["comparisons"].items()}


def _with_model(settings: ParserSettings) -> str:
    library = LIBRARIES[settings.kind]
    return library if settings.model is None else f"{library} {settings.model.rstrip('/').rsplit('/', 1)[-1]}"
