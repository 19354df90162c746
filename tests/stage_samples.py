"""What a run of each stage leaves behind, small: headlines, settings and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saga_core.artifacts.tables import write_rows
from saga_core.evaluation.signs import JUDGED, SIGNS
from saga_core.evaluation.statistics import Comparison, Estimate
from saga_core.reporting.results import Column
from saga_core.reporting.stage_facts import StageFacts

PROBE = {"parse_success": 0.605, "low": 0.536, "high": 0.67, "n": 200}
BASE = Column("Base", {"parse_success": Estimate(0.605, 0.536, 0.67, 200), "ppl": Estimate(212.9, 195.1, 230.8, 27)})
FINAL = Column("Final", {"parse_success": Estimate(0.795, 0.734, 0.845, 200), "ppl": Estimate(156.3, 145.0, 169.4, 27)})
HUMAN = Column("Human", {"parse_success": Estimate(0.9, 0.85, 0.93, 198)}, reference=True)
COMPARISONS = {
    "parse_success": Comparison(0.19, 0.12, 0.26, 1e-6, "exact McNemar"),
    "ppl": Comparison(-56.5, -64.0, -49.0, 0.0004, "paired bootstrap"),
}
_SIGNS = [sign.name for sign in (*JUDGED, *SIGNS)]
PANEL: dict[str, Any] = {
    "figures": {
        name: {model: {"value": 0.5, "low": 0.4, "high": 0.6, "n": 200} for model in ("human", "base", "final")}
        for name in _SIGNS
    },
    "comparisons": {
        name: {"delta": 0.0, "low": -0.1, "high": 0.1, "p": 1.0, "test": "exact McNemar"} for name in _SIGNS
    },
    "gains": {
        "judge": {"delta": 0.3, "low": 0.2, "high": 0.4, "p": 1e-9, "test": "exact McNemar"},
        "evaluator": {"delta": 0.19, "low": 0.12, "high": 0.26, "p": 1e-6, "test": "exact McNemar"},
        "ahead": {"delta": 0.11, "low": 0.04, "high": 0.18, "p": 0.002, "test": "paired permutation"},
    },
    "alarms": [{"name": "judge_ahead", "said": "the judge's gain runs ahead by 11.0 points [4.0, 18.0]."}],
}
FINDINGS = [
    {"group": "ScaLA", "name": "all", "measure": "AUROC", "value": 0.561, "low": 0.54, "high": 0.58, "n": 1000},
    {"group": "ceiling", "name": "real text", "measure": "PS", "value": 0.801, "low": 0.76, "high": 0.83, "n": 500},
    {"group": "floor", "name": "shuffled", "measure": "PS", "value": 0.409, "low": 0.37, "high": 0.45, "n": 500},
]
INTACT = {"group": "floor", "name": "the same, intact", "measure": "PS", "value": 0.8, "low": 0.7, "high": 0.9, "n": 90}
HEADLINES: dict[str, dict[str, Any]] = {
    "judge": {
        "uas": 0.8,
        "las": 0.75,
        "upos": 0.93,
        "feats": 0.89,
        "sentences": 0.9,
        "steps": 2400,
        "train_sentences": 1929,
        "dev_sentences": 240,
        "test_sentences": 240,
        "text_sentences": 400_000,
        "slips": 0.81,
        "heldout_sentences": 2_240,
    },
    "judge_check": {"findings": FINDINGS},
    "items": {
        "prompts": 198,
        "documents": 27,
        "scala": 200,
        "summaries": 19,
        "reading": 21,
        "acceptability": 0,
        "left_out": {"prompts": 2, "scala": 14},
    },
    "data": {
        "documents_read": 90,
        "documents_used": 88,
        "train_sentences": 700,
        "train_sentences_wanted": 700,
        "prompts": 480,
        "prompts_wanted": 600,
        "heldout_prompts": 200,
        "heldout_prompts_wanted": 200,
        "heldout_documents": 27,
    },
    "probe": PROBE,
    "gate": PROBE | {"mode": "auto", "tau": 0.8, "below_tau": True, "separable": True, "run_sft": True},
    "sft": {"sentences": 610, "dropped_too_long": 2, "sentences_judged": 700, "loss": 4.988},
    "candidates": {
        "prompts": 600,
        "candidates": 4800,
        "finished": 31,
        "trimmed": 4700,
        "without_complete_sentence": 960,
        "tokens": 110_000,
    },
    "scores": {"candidates": 4800, "parse_success": 0.437, "mean_score": -0.133, "mean_quality_of_passed": 0.978},
    "pairs": {
        "prompts": 600,
        "candidates": 4800,
        "empty": 960,
        "pairs": 500,
        "dropped_empty": 1,
        "dropped_floor": 40,
        "dropped_gap": 59,
        "mean_chosen": 0.992,
        "mean_rejected": -1.0,
        "mean_gap": 1.992,
        "chosen_share": {"0.7": 0.6, "1.1": 0.4},
        "rejected_share": {"0.7": 0.3, "1.1": 0.7},
        "rejected_unparsed": 1.0,
    },
    "dpo": {
        "pairs": 499,
        "dropped_too_long": 1,
        "dpo_loss": 0.0914,
        "nll": 5.3,
        "reward_accuracy": 0.981,
        "reward_margin": 3.2,
        "logps_chosen": -61.8,
        "first_logps_chosen": -63.6,
    },
    "evaluate_human": {"metrics": {"parse_success": {"value": 0.9, "low": 0.85, "high": 0.93, "n": 198}}},
    "evaluate_base": {"metrics": {}},
    "evaluate": {"metrics": {}},
    "panel": PANEL,
    "evaluate_champion": {
        "prompts": 196,
        "prompts_seen_by_the_champion": 4,
        "documents": 26,
        "documents_seen_by_the_champion": 1,
    },
    "promotion": {
        "verdict": "promote",
        "champion": "champion 1 (demo)",
        "reasons": ["parse success 79.5% against 70.0% of champion 1 (demo)"],
        "checks": {
            "parse_success, champion": {"before": 0.7, "after": 0.795, "passed": True},
            "ppl, base": {"before": 212.9, "after": 156.3, "passed": True},
        },
    },
    "publish": {"adapter_bytes": 2_343_752, "max_logit_difference": 8.6e-6},
}
SETTINGS: dict[str, dict[str, Any]] = {
    "sft": {"sft": {"min_quality": 0.65, "kl_weight": 0.1, "epochs": 2}},
    "candidates": {"generation": {"temperatures": [0.7, 1.1], "per_temperature": 4}},
    "pairs": {"min_gap": 0.25, "min_chosen": 0.2},
    "dpo": {"dpo": {"loss": "sigmoid", "beta": 0.1, "epochs": 3}},
}


_COLUMNS = {
    "evaluate_human": (HUMAN,),
    "evaluate_base": (BASE,),
    "evaluate": (BASE, FINAL),
    "publish": (BASE, FINAL, HUMAN),
}


def facts(stage: str, **changes: Any) -> StageFacts:  # noqa: ANN401
    """Return a stage's facts; ``headline`` changes figures of the sample's."""
    compared = stage in ("evaluate", "publish")
    headline = HEADLINES[stage] | changes.pop("headline", {})
    sample: dict[str, Any] = {
        "stage": stage,
        "state": "computed",
        "why": "never made in this store",
        "seconds": 12.3,
        "headline": headline,
        "settings": SETTINGS.get(stage, {}),
        "judge": "spaCy",
        "evaluator": "Stanza",
        "text": "Wiki",
        "columns": _COLUMNS.get(stage, ()),
        "comparisons": COMPARISONS if compared else None,
    }
    return StageFacts(**(sample | changes))


def write_files(folder: Path, rows: int = 40) -> Path:
    """Write the files that pictures are drawn from, each with so many rows."""
    numbers = range(rows)
    scores = [-1.0 if number % 3 else 0.5 + number % 7 / 14 for number in numbers]
    words = [{"temperature": 0.7 + 0.4 * (n % 2), "text": " ord" * (n % 9)} for n in numbers]
    write_rows(folder / "candidates.parquet", words, {"temperature": "double", "text": "string"})
    write_rows(folder / "scores.parquet", [{"score": score} for score in scores], {"score": "double"})
    sides = {"chosen_score": "double", "rejected_score": "double"}
    pairs = [
        {"chosen_score": 0.8 + n % 5 / 25, "rejected_score": score} for n, score in zip(numbers, scores, strict=True)
    ]
    write_rows(folder / "pairs.parquet", pairs, sides)
    names = ("step", "loss", "ce", "kl", "rewards/margins", "rewards/accuracies")
    history = [dict.fromkeys(names, 1.0 / (n + 1)) | {"step": float(n + 1)} for n in numbers]
    write_rows(folder / "history.parquet", history, dict.fromkeys(names, "double"))
    return folder
