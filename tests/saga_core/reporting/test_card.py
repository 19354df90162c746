"""The model card: the public card's shape, valid metadata, a snippet that runs, honest sentences."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from saga_core.demo import DEMO_MODELS
from saga_core.evaluation.statistics import Estimate
from saga_core.recipe import Recipe
from saga_core.reporting.card import CardFacts, render_card
from saga_core.reporting.results import ROW

USAGE = """\
from transformers import AutoModelForCausalLM, AutoTokenizer
from peft import PeftModel

base = AutoModelForCausalLM.from_pretrained("meta-llama/Llama-3.2-1B", torch_dtype="auto")
model = PeftModel.from_pretrained(base, "emilcw/llama-3.2-1b-nb-saga-kl-sft-delta-dpo")
tokenizer = AutoTokenizer.from_pretrained("meta-llama/Llama-3.2-1B")

prompt = "Norsk er"
inputs = tokenizer(prompt, return_tensors="pt")
output = model.generate(**inputs, max_new_tokens=60, temperature=0.8, do_sample=True)
print(tokenizer.decode(output[0], skip_special_tokens=True))
"""

Change = Callable[..., Recipe]


def code(card: str, language: str) -> str:
    """Return the first code block of a language."""
    found = re.search(rf"^```{language}\n(.*?)^```$", card, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group(1)


def section(card: str, heading: str) -> str:
    """Return the text under a heading."""
    return card.split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]


def test_the_public_cards_facts_give_the_public_card(
    public_facts: CardFacts, public_table: list[list[str]], read_table: Callable[[str], list[list[str]]]
) -> None:
    text = ModelCard(render_card(public_facts)).text
    assert text.strip().splitlines()[0] == (
        "# Llama-3.2-1B — Norwegian Bokmål Grammar-Aligned (SAGA KL-SFT + Δ-DPO) [Ablation]"
    )
    assert "using forced KL-regularised SFT followed by Δ-DPO. This is an ablation model" in text
    assert "This is a LoRA adapter. Load it on top of [meta-llama/Llama-3.2-1B](" in text
    assert "**Ablation finding:** " in text
    assert read_table(section(text, "Results (Stanza NB")) == public_table
    headings = re.findall(r"^## (\w+)", text, re.MULTILINE)
    assert headings == ["Results", "Usage", "Training", "How", "Limits", "Citation", "License"]
    assert section(text, "License").strip() == "Meta Llama 3.2 Community License."
    assert "@article{fakhar2025saga," in code(text, "bibtex")


def test_training_details_are_those_of_the_public_card(public_facts: CardFacts) -> None:
    details = section(render_card(public_facts), "Training details")
    for stated in (
        "PS 83.0% [77.2, 87.6] ≥ τ=0.80, but SFT forced for ablation",
        "Stage 1: KL-SFT on 10k Norwegian Bokmål sentences (wikimedia/wikipedia)",
        "3 epochs, λ=0.10",
        "Stage 2: Δ-DPO from KL-SFT checkpoint — N=8 candidates",
        "δ≥0.25, β=0.1",
        "MATTR diversity weight=0.2, repetition_penalty=1.3",
        "Oracle: spaCy nb_core_news_lg (Norwegian Bokmål dependency parser)",
        "LoRA: rank 16, α=32, all linear layers, bfloat16",
        "Pairs: 3,712, mean chosen score 0.906 (70% at T=0.7, 30% at T=1.1), mean rejected -0.973",
        "98% of the rejected do not parse",
        "DPO loss 0.091, reward accuracy 98.1%",
    ):
        assert stated in details


def test_a_title_is_no_markup(run_facts: CardFacts) -> None:
    corpus = run_facts.recipe.corpus.model_copy(update={"title": "News <b>today</b>"})
    recipe = run_facts.recipe.model_copy(update={"corpus": corpus})
    body = render_card(replace(run_facts, recipe=recipe)).split("\n---\n", 1)[1]
    assert r"\<b\>today" in body
    assert re.search(r"(?<!\\)<b", body) is None


def test_training_details_follow_the_recipe(run_facts: CardFacts, change: Change) -> None:
    recipe = change(
        run_facts.recipe,
        pairs={"min_gap": 0.125},
        dpo={"loss": "ipo", "beta": 0.05, "epochs": 1, "nll_weight": 0.2, "bf16": False},
        generation={"temperatures": (0.5, 0.9, 1.3), "per_temperature": 2},
        lora={"r": 8, "alpha": 8, "target_modules": ["q_proj", "v_proj"]},
    )
    details = section(render_card(replace(run_facts, recipe=recipe)), "Training details")
    assert "Stage 1: no SFT" in details
    assert "Δ-DPO from the base model — N=6 candidates (temperatures 0.5 and 0.9 and 1.3), δ≥0.125" in details
    assert "β=0.05, loss ipo, 1 epoch, NLL on text of the corpus with weight 0.2" in details
    assert "LoRA: rank 8, α=8, q_proj, v_proj, float32" in details


@pytest.mark.parametrize(
    ("mode", "ran", "base_ps", "title", "gate"),
    [
        ("auto", False, 0.90, "(SAGA Δ-DPO)", "90.0% ≥ τ=0.80, so SFT was skipped"),
        ("auto", True, 0.70, "(SAGA KL-SFT + Δ-DPO)", "70.0% < τ=0.80, so SFT ran"),
        ("force", True, 0.70, "(SAGA KL-SFT + Δ-DPO)", "70.0% < τ=0.80; SFT forced"),
        (
            "force",
            True,
            0.80,
            "(SAGA KL-SFT + Δ-DPO) [Ablation]",
            "80.0% ≥ τ=0.80, but SFT forced for ablation",
        ),
        ("skip", False, 0.70, "(SAGA Δ-DPO)", "70.0% < τ=0.80; SFT switched off"),
    ],
)
def test_title_and_gate(
    public_facts: CardFacts, change: Change, mode: str, ran: bool, base_ps: float, title: str, gate: str
) -> None:
    recipe = change(public_facts.recipe, sft={"mode": mode})
    probe = Estimate(base_ps, float("nan"), float("nan"), 200)
    card = render_card(replace(public_facts, recipe=recipe, sft_ran=ran, base_ps=probe))
    assert card.split("\n# ", 1)[1].splitlines()[0].endswith(f"Grammar-Aligned {title}")
    assert gate in card
    assert ("This is an ablation model" in card) == title.endswith("[Ablation]")
    assert ("published as one of rank 32" in card) == ran


def test_a_base_that_is_not_separable_from_tau_is_said_to_be_so(run_facts: CardFacts) -> None:
    near = render_card(run_facts)
    assert "not separable from the Auto-SFT threshold" in near
    assert "83.0% [77.2, 87.6] at n = 200, includes τ=0.80" in near
    assert "not separable" not in render_card(replace(run_facts, base_ps=Estimate(0.93, 0.886, 0.958, 200)))


def test_metadata_is_read_back_by_the_hub_library(run_facts: CardFacts) -> None:
    rendered = render_card(run_facts)
    card = ModelCard(rendered)
    assert card.content == rendered
    data = card.data
    assert data.base_model == "meta-llama/Llama-3.2-1B"
    assert (data.library_name, data.pipeline_tag) == ("peft", "text-generation")
    assert (data.language, data.license) == ("nb", "llama3.2")
    assert data.datasets == ["wikimedia/wikipedia"]
    assert data.tags == ["saga", "lora", "dpo", "grammar-alignment"]
    assert data.model_name == "llama-3.2-1b-nb-saga"


def test_every_figure_of_this_model_is_in_the_metadata(run_facts: CardFacts) -> None:
    results = ModelCard(render_card(run_facts)).data.eval_results
    assert results is not None
    final = run_facts.columns[-1]
    by_name = {result.metric_name: result.metric_value for result in results}
    assert by_name == {
        row.name("Stanza", "Wiki"): final.point(metric) for metric, row in ROW.items() if metric in final.values
    }
    # Both files are called test.json; each figure keeps the name of its own data.
    assert {
        (result.metric_type, result.dataset_type, result.dataset_name, result.dataset_split) for result in results
    } >= {
        ("perplexity", "held-out", "Held-out part of wikimedia/wikipedia", None),
        ("roc_auc", "scala", "ScaLA: test.conllu", None),
        ("summ_ps", "summaries", "Summaries: test.json", None),
        ("f1", "EuroEval/norquad-mini", "Reading comprehension: EuroEval/norquad-mini", "test"),
    }
    assert {result.task_type for result in results} == {"text-generation"}


def test_local_sources_leave_no_folder_of_this_machine_in_the_card(run_facts: CardFacts, change: Change) -> None:
    recipe = change(
        run_facts.recipe,
        corpus={"sources": [{"path": "/home/someone/reviews.jsonl.gz"}]},
        evaluator={"kind": "stanza", "model": "/home/someone/nb-stanza"},
        model={"id": "/home/someone/base"},
    )
    card = render_card(replace(run_facts, recipe=recipe, base_id="demo:nb-tiny"))
    assert "/home/someone" not in card
    data = ModelCard(card).data
    assert data.datasets is None
    assert data.base_model is None
    assert data.license == "other"
    assert "Load it on top of `demo:nb-tiny`." in card


def test_a_licence_that_the_hub_does_not_know_goes_by_its_name(run_facts: CardFacts, change: Change) -> None:
    recipe = change(run_facts.recipe, model={"id": "a/b", "licence": "AI Sweden's LLM AI Model License"})
    card = render_card(replace(run_facts, recipe=recipe))
    data = ModelCard(card).data
    assert (data.license, data.license_name) == ("other", "ai-sweden-s-llm-ai-model-license")
    assert section(card, "License").strip() == "AI Sweden's LLM AI Model License."


def test_the_usage_snippet_is_that_of_the_public_card(public_facts: CardFacts) -> None:
    assert code(render_card(public_facts), "python") == USAGE


def test_measurement_names_tests_items_and_seed(run_facts: CardFacts) -> None:
    said = section(render_card(run_facts), "How it was measured")
    assert "exact McNemar (Stanza PS, Summ PS, RC APS, RC EM)" in said
    assert "Stanza PS 200" in said
    assert "ScaLA AUROC 2,048" in said
    assert "Seed 0; saga 0.1.0, torch 2.13.0." in said


def test_figures_without_intervals_claim_none(public_facts: CardFacts) -> None:
    said = section(render_card(public_facts), "How it was measured")
    assert "Intervals" not in said
    assert "Items" not in said


def test_limits_follow_what_was_measured(run_facts: CardFacts, public_facts: CardFacts) -> None:
    ours, public = (section(render_card(facts), "Limits") for facts in (run_facts, public_facts))
    assert "RC APS counts grammatical answers, true or not; F1 and EM stand beside it." in ours
    assert "RC APS counts grammatical answers, true or not." in public
    assert "took no part in the training" in ours


def test_a_judge_that_evaluates_itself_is_not_called_held_out(run_facts: CardFacts, change: Change) -> None:
    recipe = change(run_facts.recipe, evaluator=run_facts.recipe.judge.model_dump())
    card = render_card(replace(run_facts, recipe=recipe, evaluator="spaCy"))
    assert "## Results (spaCy NB — the training's own judge, not held out)" in card
    assert "took no part in the training" not in card


def test_a_judge_without_a_model_has_its_own_grammar(run_facts: CardFacts, change: Change) -> None:
    recipe = change(run_facts.recipe, evaluator={"kind": "greynir"})
    said = section(render_card(replace(run_facts, recipe=recipe, evaluator="Greynir")), "How it was measured")
    assert "Evaluator: Greynir (the grammar that comes with it)." in said


@pytest.mark.slow
def test_the_usage_snippet_runs(run_facts: CardFacts, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = str(DEMO_MODELS / "nb-tiny")
    # Quotes in a folder's name must not break the snippet.
    adapter = tmp_path / 'my "adapter"'
    model = AutoModelForCausalLM.from_pretrained(base)
    get_peft_model(model, LoraConfig(target_modules=["q_proj"])).save_pretrained(adapter)
    snippet = code(render_card(replace(run_facts, base_id=base, adapter_id=str(adapter))), "python")
    exec(textwrap.dedent(snippet), {})
    assert capsys.readouterr().out.startswith("Norsk er")
