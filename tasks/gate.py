"""The τ gate: is the base good enough to go without KL-SFT? The decision is an artifact too."""

from __future__ import annotations

from typing import Any

from saga_core.artifacts.tables import write_json
from saga_core.recipe import Recipe
from tasks.stage import Stage, Work

VERSION = 1


def settings(recipe: Recipe) -> dict[str, Any]:
    """Return the stage's slice of the recipe."""
    return recipe.sft.model_dump(include={"mode", "tau"})


def compute(work: Work) -> dict[str, Any]:
    """Compare the base's parse success with τ and record figure, interval, threshold and verdict."""
    probe, mode, tau = work.headlines["probe"], work.recipe.sft.mode, work.recipe.sft.tau
    value, low, high = probe["parse_success"], probe["low"], probe["high"]
    below = value < tau
    decision = {
        "mode": mode,
        "tau": tau,
        "parse_success": value,
        "low": low,
        "high": high,
        "n": probe["n"],
        "below_tau": below,
        # Within the interval, another sample of prompts could have decided otherwise.
        "separable": not low <= tau <= high,
        "run_sft": mode == "force" or (mode == "auto" and below),
    }
    write_json(work.out / "decision.json", decision)
    return decision


STAGE = Stage("gate", VERSION, settings, compute, inputs=("probe",))
