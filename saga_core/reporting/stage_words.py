"""What came of a stage, in a sentence and a table, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.reporting import measure_words
from saga_core.reporting.card_measures import detectable
from saga_core.reporting.finding import finding
from saga_core.reporting.markdown import ABSENT, escape, table
from saga_core.reporting.results import Row, measured, models, p_value
from saga_core.reporting.stage_facts import JUDGE_SCORES, StageFacts
from saga_core.reporting.wording import Cells, kept_together, number, part_of, percent, rate


def sentence(facts: StageFacts) -> str:
    """Return what came of a stage that has an artifact, in plain words."""
    return _SENTENCES[facts.stage](facts)


def figures(facts: StageFacts) -> str:
    """Return the figures of a stage's artifact as tables, with their units."""
    if facts.columns:
        return _results(facts)
    if own := _OWN_TABLES.get(facts.stage):
        return own(facts)
    return table(("Figure", "Value"), [(escape(name), value) for name, value in _TABLES[facts.stage](facts)])


def _judge(facts: StageFacts) -> str:
    seen = facts.headline
    told = []
    if "uas" in seen:
        told.append(
            f"A spaCy pipeline was trained on {seen['train_sentences']:,} sentences of the treebank. On its test part "
            f"it has UAS {percent(seen['uas'])} and LAS {percent(seen['las'])}, from raw text."
        )
    if "slips" in seen:
        text = f"{seen['text_sentences']:,} sentences of text" if "text_sentences" in seen else ""
        sources = " and ".join(filter(None, ("the treebank" if "uas" in seen else "", text)))
        told.append(
            f"From {sources} the judge has learned what is no sentence: of a held-out one and another with a slip, the "
            f"other is more doubtful in {percent(seen['slips'])} of cases. How much doubt is usual it knows from "
            f"{seen['heldout_sentences']:,} sentences that were held out."
        )
    return " ".join(told)


def _judge_table(facts: StageFacts) -> Cells:
    seen = facts.headline
    parts = ("train", "dev", "test", "text")
    return [
        *((name, percent(seen[key])) for name, key in JUDGE_SCORES if key in seen),
        *([("Training steps", f"{seen['steps']:,}")] if "steps" in seen else []),
        *((f"Sentences: {p}", f"{seen[f'{p}_sentences']:,}") for p in parts if f"{p}_sentences" in seen),
    ]


_PARTS = {"train_sentences": "training sentences", "prompts": "prompts", "heldout_prompts": "held-out prompts"}


def _data(facts: StageFacts) -> str:
    seen = facts.headline
    read = f"Of {seen['documents_read']:,} documents {seen['documents_used']:,} are used."
    few = [_of_wanted(seen, key, name) for key, name in _PARTS.items() if seen[key] < seen[f"{key}_wanted"]]
    if few:
        return f"{read} The corpus gave **less than the recipe wants**: {', '.join(few)}."
    return f"{read} The corpus gave all that the recipe wants."


def _of_wanted(seen: Mapping[str, Any], key: str, name: str) -> str:
    return f"{seen[key]:,} of {seen[f'{key}_wanted']:,} {name}"


def _data_table(facts: StageFacts) -> Cells:
    seen = facts.headline
    parts = [(name.capitalize(), f"{seen[key]:,} of {seen[f'{key}_wanted']:,} wanted") for key, name in _PARTS.items()]
    documents = [("Documents read", "documents_read"), ("Documents used", "documents_used")]
    return [
        *((name, f"{seen[key]:,}") for name, key in documents),
        *parts,
        ("Held-out documents", f"{seen['heldout_documents']:,}"),
    ]


def _probe(facts: StageFacts) -> str:
    return (
        f"**{rate(facts.base_ps)}** of {facts.base_ps.n:,} continuations by the base model parse, says the judge "
        f"({escape(facts.judge)}): that is base PS, with its 95% interval."
    )


def _probe_table(facts: StageFacts) -> Cells:
    base = facts.base_ps
    return [
        ("Base PS", percent(base.value)),
        ("95% interval (Wilson)", f"{percent(base.low)} to {percent(base.high)}"),
        ("Continuations, one a held-out prompt", f"{base.n:,}"),
    ]


def _gate(facts: StageFacts) -> str:
    seen = facts.headline
    side = "below" if seen["below_tau"] else "not below"
    said = f"Base PS {rate(facts.base_ps)} is {side} τ {100 * seen['tau']:g}%: "
    verdict = "**KL-SFT runs**" if seen["run_sft"] else "**KL-SFT is skipped**"
    if seen["mode"] != "auto":
        verdict += f", because sft.mode is {escape(seen['mode'])}, whatever base PS is"
    said += f"{verdict}."
    if seen["mode"] == "auto" and not seen["separable"]:
        said += " τ lies within the interval: other prompts could have decided otherwise."
    return said


def _gate_table(facts: StageFacts) -> Cells:
    seen = facts.headline
    return [
        ("Base PS", f"{rate(facts.base_ps)}, n = {facts.base_ps.n:,}"),
        ("Threshold τ", f"{100 * seen['tau']:g}%"),
        ("sft.mode", escape(seen["mode"])),
        ("τ outside the interval", "yes" if seen["separable"] else "no"),
        ("Decision", "KL-SFT runs" if seen["run_sft"] else "KL-SFT is skipped"),
    ]


def _sft(facts: StageFacts) -> str:
    seen = facts.headline
    return (
        f"The base was tuned on **{seen['sentences']:,} sentences** that the judge finds good, of "
        f"{seen['sentences_judged']:,} judged; the last step's loss is {number(seen['loss'])} nats a token."
    )


def _sft_table(facts: StageFacts) -> Cells:
    seen, sft = facts.headline, facts.settings["sft"]
    return [
        ("Sentences judged", f"{seen['sentences_judged']:,}"),
        ("Sentences trained on", part_of(seen["sentences"], seen["sentences_judged"])),
        ("Dropped as too long", f"{seen['dropped_too_long']:,}"),
        ("Loss of the last step (nats a token)", number(seen["loss"])),
        ("Least quality", f"{sft['min_quality']:g}"),
        ("Weight of KL", f"{sft['kl_weight']:g}"),
        ("Epochs", f"{sft['epochs']:,}"),
    ]


def _candidates(facts: StageFacts) -> str:
    seen, generation = facts.headline, facts.settings["generation"]
    many = seen["candidates"]
    temperatures = ", ".join(f"{each:g}" for each in generation["temperatures"])
    return (
        f"**{many:,} candidates** of {seen['prompts']:,} prompts, {generation['per_temperature']:,} at "
        f"each of the temperatures {temperatures}; {part_of(seen['without_complete_sentence'], many)} have "
        "no complete sentence."
    )


def _candidates_table(facts: StageFacts) -> Cells:
    seen = facts.headline
    many = seen["candidates"]
    return [
        ("Prompts", f"{seen['prompts']:,}"),
        ("Candidates", f"{many:,}"),
        ("Ended by the model itself", part_of(seen["finished"], many)),
        ("Trimmed to the last complete sentence", part_of(seen["trimmed"], many)),
        ("Without a complete sentence", part_of(seen["without_complete_sentence"], many)),
        ("Tokens", f"{seen['tokens']:,}"),
    ]


def _scores(facts: StageFacts) -> str:
    seen = facts.headline
    return (
        f"**{percent(seen['parse_success'])}** of {seen['candidates']:,} candidates parse; the mean score is "
        f"{number(seen['mean_score'])}, on a scale from −1 (does not parse) to 1."
    )


def _scores_table(facts: StageFacts) -> Cells:
    seen = facts.headline
    return [
        ("Candidates", f"{seen['candidates']:,}"),
        ("Parse", percent(seen["parse_success"])),
        ("Mean score (−1 to 1)", number(seen["mean_score"])),
        ("Mean quality of those that parse (0 to 1)", number(seen["mean_quality_of_passed"])),
        ("Judge", escape(facts.judge)),
    ]


def _pairs(facts: StageFacts) -> str:
    seen = facts.headline
    said = f"**{seen['pairs']:,} pairs** of {seen['prompts']:,} prompts"
    if not seen["pairs"]:
        return f"{said}: nothing to train on."
    return (
        f"{said}: the chosen side scores {number(seen['mean_chosen'])} on average, the rejected one "
        f"{number(seen['mean_rejected'])}, a gap of {number(seen['mean_gap'])}; "
        f"{percent(seen['rejected_unparsed'])} of the rejected do not parse."
    )


def _pairs_table(facts: StageFacts) -> Cells:
    seen, least = facts.headline, facts.settings
    many = seen["prompts"]
    return [
        ("Pairs", part_of(seen["pairs"], many)),
        (f"Dropped: best and worst closer than {least['min_gap']:g}", part_of(seen["dropped_gap"], many)),
        (f"Dropped: best scores below {least['min_chosen']:g}", part_of(seen["dropped_floor"], many)),
        ("Dropped: no candidate with text", part_of(seen["dropped_empty"], many)),
        ("Mean score of the chosen", number(seen["mean_chosen"])),
        ("Mean score of the rejected", number(seen["mean_rejected"])),
        ("Mean gap", number(seen["mean_gap"])),
        ("Rejected that do not parse", percent(seen["rejected_unparsed"])),
        ("Chosen by temperature", _shares(seen["chosen_share"])),
        ("Rejected by temperature", _shares(seen["rejected_share"])),
    ]


def _shares(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{escape(temperature)}: {percent(share)}" for temperature, share in shares.items()) or ABSENT


def _dpo(facts: StageFacts) -> str:
    seen = facts.headline
    of_chance = " nats (0.693 is chance)" if facts.settings["dpo"]["loss"] == "sigmoid" else ""
    return (
        f"Trained on **{seen['pairs']:,} pairs**: in the last epoch the model prefers the chosen side in "
        f"{percent(seen['reward_accuracy'])} of them, by a margin of {number(seen['reward_margin'])} on average; the "
        f"loss is {number(seen['dpo_loss'])}{of_chance}."
    )


def _dpo_table(facts: StageFacts) -> Cells:
    seen, dpo = facts.headline, facts.settings["dpo"]
    return [
        ("Pairs trained on", f"{seen['pairs']:,}"),
        ("Dropped as too long", f"{seen['dropped_too_long']:,}"),
        (f"DPO loss ({dpo['loss']}), last epoch", number(seen["dpo_loss"])),
        ("Loss on real text, last epoch (nats a token)", number(seen["nll"])),
        ("Reward accuracy, last epoch", percent(seen["reward_accuracy"])),
        ("Reward margin, last epoch", number(seen["reward_margin"])),
        ("Log-probability of the chosen, first step (nats)", number(seen["first_logps_chosen"], 1)),
        ("Log-probability of the chosen, last epoch (nats)", number(seen["logps_chosen"], 1)),
        ("β", f"{dpo['beta']:g}"),
        ("Epochs", f"{dpo['epochs']:,}"),
    ]


def _evaluate_base(facts: StageFacts) -> str:
    shown = [row for row in measured(facts.columns) if row.metric in ("parse_success", "ppl", "scala_auroc")]
    said = ", ".join(f"{_named(row, facts)} **{_cell(facts, row, 0)}**" for row in shown)
    return f"The base model before any training: {said}. Intervals are of 95%."


def _named(row: Row, facts: StageFacts) -> str:
    return escape(row.name(facts.evaluator, facts.text))


def _cell(facts: StageFacts, row: Row, column: int) -> str:
    return kept_together(row.cell(facts.columns[column].values.get(row.metric)))


def _evaluate(facts: StageFacts) -> str:
    # A line break from outside would begin a paragraph.
    compared = {name: replace(c, test=" ".join(c.test.split())) for name, c in (facts.comparisons or {}).items()}
    text = " ".join(facts.text.split())
    found = finding(facts.columns, compared, evaluator=facts.evaluator, text=text)
    said = "\n\n".join(escape(paragraph) for paragraph in found.split("\n\n"))
    least = detectable(facts.headline.get("detectable", {}), facts.evaluator, text)
    return f"{said}\n\n{least}" if least else said


def _results(facts: StageFacts) -> str:
    # Where human text has a column too, there is no room for tests, which stand on the evaluation's page.
    tested = (facts.comparisons or {}) if models(facts.columns) == [*facts.columns] else {}
    headings = ["Metric", *(escape(column.heading) for column in facts.columns), "n"]
    counted = (models(facts.columns) or facts.columns)[-1]
    rows = []
    for row in measured(facts.columns):
        last = counted.values.get(row.metric)
        n = f"{last.n:,}" if isinstance(last, Estimate) else ABSENT
        cells = [_cell(facts, row, place) for place in range(len(facts.columns))]
        line = [kept_together(escape(row.heading(facts.evaluator, facts.text))), *cells, n]
        if tested:
            line += _tested(row, tested.get(row.metric))
        rows.append(line)
    return table([*headings, *(["Difference", "p, paired test"] if tested else [])], rows)


def _tested(row: Row, comparison: Comparison | None) -> list[str]:
    if comparison is None or not math.isfinite(comparison.delta):
        return [ABSENT, ABSENT]
    change = kept_together(f"{row.change(comparison.delta)} {row.change_interval(comparison)}".rstrip())
    return [change, f"{escape(p_value(comparison.p))}, {escape(comparison.test)}"]


def _publish(facts: StageFacts) -> str:
    size, difference = facts.headline["adapter_bytes"] / 1e6, facts.headline["max_logit_difference"]
    return (
        f"The adapter ({size:.1f} MB) is ready to load on the original base: it gives the trained logits to within "
        f"{difference:.1g}. Its model card is README.md, below."
    )


def _publish_table(facts: StageFacts) -> Cells:
    return [
        ("Adapter (MB)", f"{facts.headline['adapter_bytes'] / 1e6:.1f}"),
        ("Largest difference of a logit", f"{facts.headline['max_logit_difference']:.1g}"),
    ]


# What is told of the stages that measure more than models stands in a file of its own.
_SENTENCES: dict[str, Callable[[StageFacts], str]] = {
    "judge": _judge,
    "judge_check": measure_words.judge_check,
    "items": measure_words.items,
    "evaluate_human": measure_words.evaluate_human,
    "panel": measure_words.panel,
    "evaluate_champion": measure_words.evaluate_champion,
    "promotion": measure_words.promotion,
    "data": _data,
    "probe": _probe,
    "gate": _gate,
    "sft": _sft,
    "candidates": _candidates,
    "scores": _scores,
    "pairs": _pairs,
    "dpo": _dpo,
    "evaluate_base": _evaluate_base,
    "evaluate": _evaluate,
    "publish": _publish,
}
_TABLES: dict[str, Callable[[StageFacts], Cells]] = {
    "judge": _judge_table,
    "data": _data_table,
    "probe": _probe_table,
    "gate": _gate_table,
    "sft": _sft_table,
    "candidates": _candidates_table,
    "scores": _scores_table,
    "pairs": _pairs_table,
    "dpo": _dpo_table,
    "publish": _publish_table,
}
_OWN_TABLES: dict[str, Callable[[StageFacts], str]] = {
    "judge_check": measure_words.judge_check_table,
    "items": measure_words.items_table,
    "panel": measure_words.panel_table,
    "evaluate_champion": measure_words.evaluate_champion_table,
    "promotion": measure_words.promotion_table,
}
