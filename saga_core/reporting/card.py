"""The model card: the public SAGA cards' shape, filled from one run's facts."""

from __future__ import annotations

import json

from saga_core.evaluation.statistics import Estimate
from saga_core.recipe import LoraSettings, ParserSettings
from saga_core.reporting.card_measures import detectable, oracle, tricks
from saga_core.reporting.facts import CardFacts
from saga_core.reporting.finding import finding
from saga_core.reporting.markdown import escape
from saga_core.reporting.metadata import LICENCES, file_name, front_matter, is_hub_id, source_name
from saga_core.reporting.results import ROW, measured, models, to_markdown

__all__ = ["CardFacts", "render_card"]

_USAGE = """\
```python
from transformers import AutoModelForCausalLM, AutoTokenizer
from peft import PeftModel

base = AutoModelForCausalLM.from_pretrained({base}, torch_dtype="auto")
model = PeftModel.from_pretrained(base, {adapter})
tokenizer = AutoTokenizer.from_pretrained({base})

prompt = {prompt}
inputs = tokenizer(prompt, return_tensors="pt")
output = model.generate(**inputs, max_new_tokens=60, temperature=0.8, do_sample=True)
print(tokenizer.decode(output[0], skip_special_tokens=True))
```"""

_CITATION = """\
```bibtex
@article{fakhar2025saga,
  title={SAGA: Syntax-Aware Grammar Alignment for Low-Resource Nordic Languages},
  author={Fakhar, Hoda and others},
  year={2025},
  note={Under review}
}
```"""


def render_card(facts: CardFacts) -> str:
    """Return the model card, front matter included, as the text of ``README.md``."""
    kind = "Ablation finding" if facts.forced_above_tau else "Finding"
    parts = [
        f"# {title(facts)}",
        _introduction(facts),
        f"This is a LoRA adapter. Load it on top of {_link(facts.base_id)}.",
        f"**{kind}:** {_finding(facts)}",
        f"## Results ({facts.evaluator} {facts.language.short} — {_role(facts)})",
        to_markdown(facts.columns, evaluator=facts.evaluator, text=facts.text),
        *(["## Was the judge fooled?", tricks(facts.panel, facts.evaluator)] if facts.panel else []),
        "## Usage",
        _usage(facts),
        "## Training details",
        _bullets(_training(facts)),
        "## How it was measured",
        _bullets(_measurement(facts)),
        "## Limits",
        _bullets(_limits(facts)),
        "## Citation",
        _CITATION,
        "## License",
        f"{LICENCES.get(facts.recipe.model.licence.lower(), facts.recipe.model.licence)}.",
    ]
    return f"---\n{front_matter(facts).to_yaml()}\n---\n\n" + "\n\n".join(parts) + "\n"


def title(facts: CardFacts) -> str:
    """Return the card's title, such as ``Llama-3.2-1B — Norwegian Bokmål Grammar-Aligned (SAGA Δ-DPO)``."""
    method = "KL-SFT + Δ-DPO" if facts.sft_ran else "Δ-DPO"
    ablation = " [Ablation]" if facts.forced_above_tau else ""
    return f"{escape(facts.base_title)} — {facts.language.name} Grammar-Aligned (SAGA {method}){ablation}"


def _introduction(facts: CardFacts) -> str:
    forced = "forced " if facts.recipe.sft.mode == "force" else ""
    stages = f"{forced}KL-regularised SFT followed by Δ-DPO" if facts.sft_ran else "Δ-DPO without SFT"
    said = f"Fine-tuned with SAGA (Syntax-Aware Grammar Alignment) using {stages}."
    if not facts.forced_above_tau:
        return said
    return (
        f"{said} This is an ablation model — the base model's parse success ({_base_ps(facts)}) already "
        f"reaches the τ={_two(facts.recipe.sft.tau)} Auto-SFT threshold, so SAGA would normally skip SFT. "
        "This model forces KL-SFT to measure the effect of the extra SFT stage."
    )


def _finding(facts: CardFacts) -> str:
    said = finding(facts.columns, facts.comparisons, evaluator=escape(facts.evaluator), text=escape(facts.text))
    before, after = (column.point("ppl") for column in (models(facts.columns)[0], models(facts.columns)[-1]))
    if _adapted(facts) and before is not None and after is not None and after < before:
        said += (
            "\n\nThat the perplexity fell is in part adaptation: the training saw text of the same corpus as the "
            "perplexity's text."
        )
    if not facts.tau_in_interval:
        return said
    return (
        f"{said}\n\nThe base is not separable from the Auto-SFT threshold: the interval of its parse success "
        f"by the judge, {_base_ps(facts)} at n = {facts.base_ps.n:,}, includes "
        f"τ={_two(facts.recipe.sft.tau)}, so other prompts could have put it on the other side."
    )


def _usage(facts: CardFacts) -> str:
    # A JSON string is also one of Python, whatever quotes or backslashes a folder's name holds.
    texts = facts.base_id, facts.adapter_id, facts.language.card_prompt
    base, adapter, prompt = (json.dumps(text, ensure_ascii=False) for text in texts)
    return _USAGE.format(base=base, adapter=adapter, prompt=prompt)


def _training(facts: CardFacts) -> list[str]:
    recipe, dpo = facts.recipe, facts.recipe.dpo
    sources = ", ".join(dict.fromkeys(escape(source_name(source)) for source in recipe.corpus.sources))
    revision = f", revision {escape(recipe.model.revision)}" if recipe.model.revision else ""
    candidates = len(recipe.generation.temperatures) * recipe.generation.per_temperature
    temperatures = " and ".join(f"{each:g}" for each in recipe.generation.temperatures)
    loss = f", loss {dpo.loss}" if dpo.loss != "sigmoid" else ""
    nll = f", NLL on text of the corpus with weight {dpo.nll_weight:g}" if dpo.nll_weight else ""
    stage_1 = "Stage 1: no SFT"
    if facts.sft_ran:
        sft = recipe.sft
        stage_1 = (
            f"Stage 1: KL-SFT on {_count(facts.sft_sentences)} {facts.language.name} sentences "
            f"({sources}), those of judge quality ≥ {sft.min_quality:g}, {_epochs(sft.epochs)}, "
            f"λ={_two(sft.kl_weight)}"
        )
    return [
        f"Base model: {escape(facts.base_title)}{revision} ({_gate(facts)})",
        stage_1,
        f"Stage 2: Δ-DPO from {'KL-SFT checkpoint' if facts.sft_ran else 'the base model'} — "
        f"N={candidates} candidates (temperatures {temperatures}), δ≥{_two(recipe.pairs.min_gap)}, "
        f"β={dpo.beta:g}{loss}, {_epochs(dpo.epochs)}{nll}",
        _pairs(facts),
        f"Stage 2 outcome, mean of the last epoch: DPO loss {facts.dpo_loss:.3f}, "
        f"reward accuracy {100 * facts.dpo_reward_accuracy:.1f}%",
        f"Anti-hacking: MATTR diversity weight={recipe.scoring.mattr_weight:g}, "
        f"repetition_penalty={recipe.generation.repetition_penalty:g}",
        f"Oracle: {escape(facts.judge)} ({facts.language.name} dependency parser)",
        _lora(facts),
    ]


def _pairs(facts: CardFacts) -> str:
    report = facts.pair_report

    def shares(side: str) -> str:
        by_temperature = report[f"{side}_share"]
        return ", ".join(f"{100 * share:.0f}% at T={t}" for t, share in by_temperature.items())

    return (
        f"Pairs: {facts.pairs:,}, mean chosen score {report['mean_chosen']:.3f} ({shares('chosen')}), mean rejected "
        f"{report['mean_rejected']:.3f} ({shares('rejected')}); {100 * report['rejected_unparsed']:.0f}% of the "
        "rejected do not parse"
    )


def _gate(facts: CardFacts) -> str:
    sft = facts.recipe.sft
    relation = "≥" if facts.above_tau else "<"
    measured_ps = f"base {facts.language.short} PS {_base_ps(facts)} {relation} τ={_two(sft.tau)}"
    if sft.mode == "skip":
        return f"{measured_ps}; SFT switched off"
    if sft.mode == "force":
        return f"{measured_ps}{', but SFT forced for ablation' if facts.above_tau else '; SFT forced'}"
    return f"{measured_ps}, so SFT {'ran' if facts.sft_ran else 'was skipped'}"


def _lora(facts: CardFacts) -> str:
    lora = facts.recipe.lora
    all_linear = set(lora.target_modules) == set(LoraSettings().target_modules)
    targets = "all linear layers" if all_linear else ", ".join(map(escape, lora.target_modules))
    bf16 = [facts.recipe.dpo.bf16, *([facts.recipe.sft.bf16] if facts.sft_ran else [])]
    precision = "bfloat16" if all(bf16) else "bfloat16 in one stage" if any(bf16) else "float32"
    # One adapter on the original base: the stages' adapters side by side, so the ranks add up.
    both = f"; both stages' adapters published as one of rank {2 * lora.r}" if facts.sft_ran else ""
    return f"LoRA: rank {lora.r}, α={lora.alpha}, {targets}, {precision}{both}"


def _measurement(facts: CardFacts) -> list[str]:
    recipe, sampling = facts.recipe, facts.recipe.evaluation.sampling
    unit = "every complete" if recipe.scoring.unit == "all_sentences" else "its first"
    lines = [
        f"Parse success: one continuation per held-out prompt at temperature {sampling.temperature:g}, up to "
        f"{sampling.max_new_tokens} new tokens, repetition penalty {sampling.repetition_penalty:g}, base and "
        f"tuned model alike. A text parses when {unit} sentence has a verbal root and a subject. Parse score "
        "is the success rate times the mean quality of what parses.",
        f"Evaluator: {facts.evaluator} ({_parser(recipe.evaluator)}). Judge: {escape(facts.judge)}.",
    ]
    if n := _items(facts):
        lines.append(f"Items: {n}.")
    if left := sum(facts.left_out.values()):
        lines.append(f"{left:,} others were left out: the training has seen a sentence of theirs, or nearly.")
    if any(column.reference for column in facts.columns):
        lines.append(
            "Human text: what people wrote after the same prompts, cut and judged alike. A model that writes like "
            "people would score that."
        )
    if facts.findings:
        lines.append(oracle(facts.findings))
    if facts.comparisons:
        lines.append(
            "Intervals in brackets are 95%: Wilson's for shares of texts and Agresti and Min's for their differences, "
            f"DeLong's for CoLA AUROC, a bootstrap of {recipe.evaluation.bootstrap:,} resamples for the rest. "
            f"Differences are paired on the same items. {_tests(facts)} p-values are two-sided and not corrected "
            "for the number of rows; interval and test are different procedures and may disagree at the margin."
        )
    if told := detectable(facts.detectable, facts.evaluator, facts.text):
        lines.append(told)
    versions = ", ".join(f"{escape(name)} {escape(version)}" for name, version in facts.versions.items())
    training = "" if recipe.training_seed is None else f" (training {recipe.training_seed})"
    lines.append(f"Seed {recipe.seed}{training}{f'; {versions}' if versions else ''}.")
    return lines


def _items(facts: CardFacts) -> str:
    final = models(facts.columns)[-1]
    counts = []
    for row in measured([final]):
        value = final.values[row.metric]
        if isinstance(value, Estimate):
            counts.append(f"{escape(row.name(facts.evaluator, facts.text))} {value.n:,}")
    return ", ".join(counts)


def _tests(facts: CardFacts) -> str:
    rows: dict[str, list[str]] = {}
    for row in measured(facts.columns):
        if row.metric in facts.comparisons:
            name = escape(row.name(facts.evaluator, facts.text))
            rows.setdefault(facts.comparisons[row.metric].test, []).append(name)
    return "Tests: " + "; ".join(f"{escape(test)} ({', '.join(names)})" for test, names in rows.items()) + "."


def _adapted(facts: CardFacts) -> bool:
    """Whether the training saw real text of the corpus that the perplexity's text is from."""
    return facts.sft_ran or facts.recipe.dpo.nll_weight > 0


def _limits(facts: CardFacts) -> list[str]:
    shown = {row.metric for row in measured(facts.columns)}
    lines = ["A statistical parser parses nearly anything: parse success is no person's judgement of grammar."]
    if facts.held_out:
        lines.append(
            "The evaluator took no part in the training, but it is a parser too, and may have learned from "
            "the judge's treebank: what misleads the one may mislead the other."
        )
    else:
        lines.append("The evaluator is the judge itself: these figures are not held out and flatter the model.")
    lines.append("One training run: intervals cover the choice of test items, not that of another seed.")
    if "ppl" in shown:
        lines.append("Perplexity is per token: compare it only with models of the same tokenizer.")
    if "rc_aps" in shown:
        beside = "; F1 and EM stand beside it" if {"rc_f1", "rc_em"} <= shown else ""
        lines.append(f"RC APS counts grammatical answers, true or not{beside}.")
    if facts.recipe.evaluation.sampling.repetition_penalty != 1.0:
        lines.append("A repetition penalty lifts diversity, and figures of text sampled without it differ.")
    if "parse_score" in shown:
        lines.append(
            "Parse score rests on a quality of our own (saga_core/judges/rules.py), near 1 for most texts that parse: "
            "it is not comparable with other SAGA cards."
        )
    lines.append("Nothing here measures whether the text is true, useful or harmless.")
    return lines


def _role(facts: CardFacts) -> str:
    return "held-out evaluator" if facts.held_out else "the training's own judge, not held out"


def _parser(settings: ParserSettings) -> str:
    if settings.model is None:
        return "the grammar that comes with it"
    package = f", package {escape(settings.package)}" if settings.kind == "stanza" else ""
    return f"model {escape(file_name(settings.model))}{package}" if settings.model else "its own model"


def _base_ps(facts: CardFacts) -> str:
    return ROW["parse_success"].cell(facts.base_ps)


def _link(base_id: str) -> str:
    return f"[{base_id}](https://huggingface.co/{base_id})" if is_hub_id(base_id) else f"`{base_id}`"


def _bullets(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _count(number: int) -> str:
    return f"{number // 1000}k" if number % 1000 == 0 else f"{number:,}"


def _epochs(number: int) -> str:
    return f"{number} epoch{'' if number == 1 else 's'}"


def _two(number: float) -> str:
    # Two decimals as on the card, more only where two would change the figure.
    return f"{number:.2f}" if round(number, 2) == number else f"{number:g}"
