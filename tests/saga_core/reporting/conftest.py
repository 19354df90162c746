"""The public card's own figures, re-typed, and a run's facts around them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.recipe import Recipe
from saga_core.reporting.card import CardFacts
from saga_core.reporting.results import Column

Table = list[list[str]]


@pytest.fixture(scope="session")
def read_table() -> Callable[[str], Table]:
    """Return the cells of the first Markdown table in a text, headings first."""

    def read(text: str) -> Table:
        lines = [line.strip() for line in text.splitlines()]
        lines = [line for line in lines if line.startswith("|")]
        rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
        return [rows[0], *rows[2:]]

    return read


@pytest.fixture(scope="session")
def public_columns() -> tuple[Column, ...]:
    """Return the three columns of the public card, as fractions and bare figures."""
    metrics = ("parse_success", "parse_score", "ppl", "scala_auroc", "summ_ps", "summ_score", "rc_aps")
    return (
        Column("Base", dict(zip(metrics, (0.83, 0.392, 30.1, 0.605, 0.63, 0.202, 0.31), strict=True))),
        Column("No-SFT Δ-DPO", dict(zip(metrics, (0.985, 0.622, 33.0, 0.617, 1.0, 0.722, 0.875), strict=True))),
        Column(
            "KL-SFT + Δ-DPO (this)",
            dict(zip(metrics, (0.98, 0.630, 43.8, 0.592, 1.0, 0.758, 0.93), strict=True)),
        ),
    )


@pytest.fixture(scope="session")
def public_table() -> Table:
    """Return the public card's results table, cell by cell as it is printed there."""
    return [
        ["Metric", "Base", "No-SFT Δ-DPO", "KL-SFT + Δ-DPO (this)"],
        ["Stanza PS ↑", "83.0%", "98.5%", "98.0%"],
        ["Parse score ↑", "0.392", "0.622", "0.630"],
        ["PPL-Wiki ↓", "30.1", "33.0", "43.8"],
        ["ScaLA AUROC ↑", "0.605", "0.617", "0.592"],
        ["Summ PS ↑", "63.0%", "100%", "100%"],
        ["Summ score ↑", "0.202", "0.722", "0.758"],
        ["RC APS ↑", "31.0%", "87.5%", "93.0%"],
    ]


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """Return the recipe behind the public card."""
    return Recipe.model_validate(
        {
            "name": "llama-3.2-1b-nb",
            "language": "nb",
            "model": {"id": "meta-llama/Llama-3.2-1B", "licence": "llama3.2"},
            "corpus": {"sources": [{"hub": "wikimedia/wikipedia", "config": "20231101.no"}]},
            "judge": {"kind": "spacy", "model": "nb_core_news_lg"},
            "evaluator": {"kind": "stanza", "model": "nb"},
            "sft": {"mode": "force"},
            "evaluation": {
                "scala": {"treebank": "treebank/test.conllu"},
                "summaries": {"source": {"path": "norsumm/test.json"}},
                "reading": {"source": {"hub": "EuroEval/norquad-mini"}},
            },
        }
    )


@pytest.fixture(scope="session")
def public_facts(public_columns: tuple[Column, ...], recipe: Recipe) -> CardFacts:
    """Return the public card's facts: no interval, no test."""
    return CardFacts(
        recipe=recipe,
        base_title="Llama-3.2-1B",
        base_id="meta-llama/Llama-3.2-1B",
        adapter_id="emilcw/llama-3.2-1b-nb-saga-kl-sft-delta-dpo",
        sft_ran=True,
        sft_sentences=10_000,
        base_ps=Estimate(0.83, 0.772, 0.876, 200),
        pairs=3_712,
        pair_report={
            "mean_chosen": 0.906,
            "mean_rejected": -0.973,
            "rejected_unparsed": 0.98,
            "chosen_share": {"0.7": 0.7, "1.1": 0.3},
            "rejected_share": {"0.7": 0.2, "1.1": 0.8},
        },
        dpo_loss=0.0914,
        dpo_reward_accuracy=0.981,
        evaluator="Stanza",
        judge="spaCy nb_core_news_lg",
        versions={"saga": "0.1.0", "torch": "2.13.0"},
        columns=public_columns,
        comparisons={},
    )


@pytest.fixture(scope="session")
def base_column() -> Column:
    """Return a base model's figures, all twelve with intervals."""
    return Column(
        "Base",
        {
            "parse_success": Estimate(0.83, 0.7717, 0.8758, 200),
            "parse_score": Estimate(0.392, 0.361, 0.423, 200),
            "ppl": Estimate(30.1, 28.9, 31.4, 200),
            "bits_per_byte": Estimate(1.012, 0.991, 1.034, 200),
            "scala_auroc": Estimate(0.605, 0.588, 0.622, 2_048),
            "acceptability_auroc": Estimate(0.643, 0.619, 0.666, 2_000),
            "summ_ps": Estimate(0.63, 0.5612, 0.6939, 200),
            "summ_score": Estimate(0.202, 0.176, 0.229, 200),
            "rc_aps": Estimate(0.31, 0.2499, 0.3773, 200),
            "rc_f1": Estimate(0.121, 0.091, 0.152, 200),
            "rc_em": Estimate(0.05, 0.0274, 0.0896, 200),
            "mattr": Estimate(0.795, 0.781, 0.809, 200),
        },
    )


@pytest.fixture(scope="session")
def final_column() -> Column:
    """Return an aligned model's figures, all twelve with intervals."""
    return Column(
        "Δ-DPO (this)",
        {
            "parse_success": Estimate(0.985, 0.9568, 0.9949, 200),
            "parse_score": Estimate(0.622, 0.598, 0.645, 200),
            "ppl": Estimate(33.0, 31.6, 34.5, 200),
            "bits_per_byte": Estimate(1.039, 1.018, 1.061, 200),
            "scala_auroc": Estimate(0.592, 0.575, 0.609, 2_048),
            "acceptability_auroc": Estimate(0.638, 0.614, 0.661, 2_000),
            "summ_ps": Estimate(1.0, 0.9812, 1.0, 200),
            "summ_score": Estimate(0.722, 0.701, 0.742, 200),
            "rc_aps": Estimate(0.875, 0.8220, 0.9139, 200),
            "rc_f1": Estimate(0.168, 0.133, 0.205, 200),
            "rc_em": Estimate(0.06, 0.0347, 0.1019, 200),
            "mattr": Estimate(0.919, 0.912, 0.926, 200),
        },
    )


@pytest.fixture(scope="session")
def comparisons() -> dict[str, Comparison]:
    """Return the paired comparisons of those two columns."""
    return {
        "parse_success": Comparison(0.155, 0.10, 0.21, 3e-8, "exact McNemar"),
        "parse_score": Comparison(0.230, 0.195, 0.264, 1e-3, "paired bootstrap"),
        "ppl": Comparison(2.9, 2.1, 3.7, 1e-3, "paired bootstrap"),
        "bits_per_byte": Comparison(0.027, 0.014, 0.040, 0.001, "paired bootstrap"),
        "scala_auroc": Comparison(-0.013, -0.021, -0.005, 0.002, "paired bootstrap"),
        "acceptability_auroc": Comparison(-0.005, -0.011, 0.001, 0.096, "paired DeLong"),
        "summ_ps": Comparison(0.37, 0.30, 0.44, 1e-9, "exact McNemar"),
        "summ_score": Comparison(0.52, 0.49, 0.55, 1e-3, "paired bootstrap"),
        "rc_aps": Comparison(0.565, 0.49, 0.64, 1e-9, "exact McNemar"),
        "rc_f1": Comparison(0.047, 0.008, 0.086, 0.019, "paired permutation"),
        "rc_em": Comparison(0.01, -0.03, 0.05, 0.774, "exact McNemar"),
        "mattr": Comparison(0.124, 0.110, 0.138, 1e-4, "paired permutation"),
    }


@pytest.fixture(scope="session")
def change() -> Callable[..., Recipe]:
    """Return a function that replaces settings of a recipe and validates it anew."""

    def change(recipe: Recipe, **settings: Any) -> Recipe:  # noqa: ANN401
        return Recipe.model_validate({**recipe.model_dump(), **settings})

    return change


@pytest.fixture(scope="session")
def run_facts(
    public_facts: CardFacts,
    base_column: Column,
    final_column: Column,
    comparisons: dict[str, Comparison],
    change: Callable[..., Recipe],
) -> CardFacts:
    """Return a run of ours: two columns, intervals, tests, no SFT."""
    return replace(
        public_facts,
        recipe=change(public_facts.recipe, sft={"mode": "auto"}),
        adapter_id="models/llama-3.2-1b-nb-saga",
        sft_ran=False,
        sft_sentences=0,
        columns=(base_column, final_column),
        comparisons=comparisons,
    )
