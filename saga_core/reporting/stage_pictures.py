"""The picture on a stage's page: one PNG, small enough to travel inside the page itself."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from saga_core.artifacts.tables import read_rows
from saga_core.evaluation.statistics import Estimate
from saga_core.reporting.measure_pictures import findings_figure, items_figure, panel_figure
from saga_core.reporting.plots import Panel, results_figure, training_figure
from saga_core.reporting.stage_facts import JUDGE_SCORES, StageFacts
from saga_core.reporting.style import COLOURS, DPI, GREY, MARKERS, plain, png
from saga_core.rewards.score import PARSE_FAILURE

# Few colours are drawn, with their edges smoothed; a palette of these is a third of the bytes.
_PALETTE = 64
# Narrower than the card's pictures, so that its letters are larger: the page gives it 600 to 900 pixels.
_WIDTH = 7.0
# Bins of 0.05 centred on their figure, so that -1 and 1 have a whole bin each.
_SCORE_BINS = [-1.025 + 0.05 * each for each in range(42)]

_SFT = (
    Panel("Loss (nats a token)", (("loss", "loss"),)),
    Panel("KL to the base\n(nats a token)", (("kl", "KL"),)),
)
_DPO = (
    Panel("DPO loss", (("loss", "loss"),)),
    Panel("Reward accuracy\n(share of pairs)", (("rewards/accuracies", "accuracy"),), (0, 1)),
    Panel("Reward margin\n(chosen − rejected)", (("rewards/margins", "margin"),)),
)


@dataclass(frozen=True)
class _Drawing:
    draw: Callable[[StageFacts, Path | None], bytes]
    file: str | None = None


def file_needed(stage: str) -> str | None:
    """Return which of the artifact's files a stage's picture is drawn from; None where the figures in brief suffice."""
    return _DRAWINGS[stage].file


def draw(facts: StageFacts, folder: Path | None) -> bytes:
    """Draw the picture of a stage that has an artifact.

    Args:
        facts: The stage's figures.
        folder: Local folder with the file that ``file_needed`` names; None where none is needed.

    Returns:
        A PNG of a few ten kilobytes.

    Raises:
        DamagedArtifactError: The file is no table.
    """
    image = Image.open(io.BytesIO(_DRAWINGS[facts.stage].draw(facts, folder))).convert("RGB")
    buffer = io.BytesIO()
    image.quantize(_PALETTE, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _figure(height: float) -> Figure:
    return Figure(figsize=(_WIDTH, height), layout="constrained", dpi=DPI)


def _data(facts: StageFacts, folder: Path | None) -> bytes:
    parts = {"Training sentences": "train_sentences", "Prompts": "prompts", "Held-out prompts": "heldout_prompts"}
    figure = _figure(2.4)
    axis = figure.subplots()
    for place, name in enumerate(parts.values()):
        got, wanted = facts.headline[name], facts.headline[f"{name}_wanted"]
        share = 100 * got / wanted if wanted else 100.0
        axis.barh(place, 100, color="none", edgecolor=GREY, linewidth=1)
        axis.barh(place, min(share, 100), color=COLOURS[0] if got >= wanted else COLOURS[1])
        axis.text(102, place, f"{got:,} of {wanted:,}", va="center")
    axis.set_yticks(range(len(parts)), list(parts))
    axis.invert_yaxis()
    axis.set_xlim(0, 132)
    axis.set_xticks(range(0, 101, 20))
    axis.set_xlabel("Share of what the recipe wants (%)")
    plain(axis, "x")
    return png(figure)


def _judge(facts: StageFacts, folder: Path | None) -> bytes:
    figure = _figure(3.0)
    axis = figure.subplots()
    shown = [(name, 100 * facts.headline[key]) for name, key in reversed(JUDGE_SCORES) if key in facts.headline]
    bars = axis.barh([name for name, _ in shown], [value for _, value in shown], color=COLOURS[0])
    axis.bar_label(bars, fmt="%.1f", padding=4)
    axis.set_xlim(0, 100)
    axis.set_xlabel("On the treebank's test part, from its raw text; slips: on held-out text (%)")
    plain(axis, "x")
    return png(figure)


def _probe(facts: StageFacts, folder: Path | None) -> bytes:
    return _number_line(facts.base_ps, None)


def _gate(facts: StageFacts, folder: Path | None) -> bytes:
    return _number_line(facts.base_ps, facts.headline["tau"])


def _number_line(rate: Estimate, tau: float | None) -> bytes:
    figure = _figure(2.0)
    axis = figure.subplots()
    value, low, high = (100 * each for each in (rate.value, rate.low, rate.high))
    axis.errorbar(
        value,
        0,
        xerr=[[max(value - low, 0)], [max(high - value, 0)]],
        color=COLOURS[0],
        marker=MARKERS[0],
        markersize=10,
        capsize=7,
        linewidth=2.5,
        label=f"Base PS {value:.1f}%, 95% interval [{low:.1f}, {high:.1f}], n = {rate.n:,}",
    )
    if tau is not None:
        axis.axvline(100 * tau, color=COLOURS[1], linewidth=2.5, linestyle="--", label=f"τ = {100 * tau:g}%")
        axis.axvspan(0, 100 * tau, color=COLOURS[1], alpha=0.12, linewidth=0, label="KL-SFT runs (mode auto)")
    axis.set_xlim(0, 100)
    axis.set_ylim(-0.6, 0.6)
    axis.set_yticks([])
    axis.set_xlabel("Continuations of the base that parse (%)")
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    plain(axis, "x")
    axis.spines["left"].set_visible(False)
    return png(figure)


def _history(panels: Sequence[Panel]) -> Callable[[StageFacts, Path | None], bytes]:
    def curves(facts: StageFacts, folder: Path | None) -> bytes:
        return training_figure(_rows(facts.stage, folder), panels)

    return curves


def _candidates(facts: StageFacts, folder: Path | None) -> bytes:
    lengths: dict[float, list[int]] = {}
    for row in _rows("candidates", folder, ("temperature", "text")):
        lengths.setdefault(row["temperature"], []).append(len(row["text"].split()))
    figure = _figure(3.4)
    axis = figure.subplots()
    longest = max((max(some) for some in lengths.values()), default=0)
    step = max(longest // 40, 1)
    edges = [each - 0.5 for each in range(0, longest + step + 1, step)]
    for place, (temperature, some) in enumerate(sorted(lengths.items())):
        _histogram(axis, some, edges, place, f"temperature {temperature:g} (n = {len(some):,})")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set_xlabel("Words of a candidate (0: no complete sentence)")
    axis.set_ylabel("Candidates")
    _counts(axis)
    return png(figure)


def _scores(facts: StageFacts, folder: Path | None) -> bytes:
    scores = [row["score"] for row in _rows("scores", folder, ("score",))]
    unparsed = [score for score in scores if score == PARSE_FAILURE]
    parsed = [score for score in scores if score != PARSE_FAILURE]
    figure = _figure(3.4)
    axis = figure.subplots()
    _histogram(axis, parsed, _SCORE_BINS, 0, f"parses (n = {len(parsed):,})")
    _histogram(axis, unparsed, _SCORE_BINS, 1, f"does not parse (n = {len(unparsed):,})")
    axis.set_xlabel("Score (−1: does not parse)")
    axis.set_ylabel("Candidates")
    _counts(axis)
    return png(figure)


def _pairs(facts: StageFacts, folder: Path | None) -> bytes:
    rows = _rows("pairs", folder, ("chosen_score", "rejected_score"))
    chosen, rejected = ([row[f"{side}_score"] for row in rows] for side in ("chosen", "rejected"))
    figure = _figure(6.6)
    sides, gaps, prompts = figure.subplots(3, 1, height_ratios=(3, 3, 1.9))
    _histogram(sides, chosen, _SCORE_BINS, 0, "chosen")
    _histogram(sides, rejected, _SCORE_BINS, 1, "rejected")
    sides.set_xlabel("Score (−1: does not parse)")
    edges = [0.05 * each for each in range(42)]
    _histogram(gaps, [c - r for c, r in zip(chosen, rejected, strict=True)], edges, 2, "gap of a pair")
    gaps.axvline(
        facts.settings["min_gap"], color=GREY, linestyle="--", label=f"least gap {facts.settings['min_gap']:g}"
    )
    gaps.set_xlabel("Gap (chosen − rejected)")
    for axis in (sides, gaps):
        axis.set_ylabel("Pairs")
        _counts(axis)
    _became(prompts, facts.headline)
    return png(figure)


def _became(axis: Axes, headline: Mapping[str, Any]) -> None:
    names = {"pairs": "a pair", "dropped_gap": "too close", "dropped_floor": "best too low", "dropped_empty": "no text"}
    for place, key in enumerate(names):
        axis.barh(place, headline[key], color=COLOURS[0] if key == "pairs" else GREY)
        axis.text(headline[key], place, f" {headline[key]:,}", va="center")
    axis.set_yticks(range(len(names)), list(names.values()))
    axis.invert_yaxis()
    axis.set_xlim(0, 1.12 * max(headline["prompts"], 1))
    axis.set_xlabel(f"What became of {headline['prompts']:,} prompts")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    plain(axis, "x")


def _results(facts: StageFacts, folder: Path | None) -> bytes:
    return results_figure(facts.columns, evaluator=facts.evaluator, text=facts.text)


def _histogram(axis: Axes, values: Sequence[float], edges: Sequence[float], place: int, label: str) -> None:
    # The second is hatched and open, so that it tells from the first in grey too, and hides nothing behind it.
    second: dict[str, Any] = {"histtype": "step", "hatch": "////", "linewidth": 1.5} if place == 1 else {"alpha": 0.75}
    axis.hist(values, bins=edges, color=COLOURS[place % len(COLOURS)], label=label, **second)


def _counts(axis: Axes) -> None:
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    if axis.get_legend_handles_labels()[0]:
        axis.legend(frameon=False)
    plain(axis, "y")


def _rows(stage: str, folder: Path | None, columns: Sequence[str] | None = None) -> list[dict[str, Any]]:
    name = file_needed(stage)
    if folder is None or name is None:
        raise ValueError(f"the picture of {stage} is drawn from a file")
    return read_rows(folder / name, columns=columns)


_DRAWINGS = {
    "judge": _Drawing(_judge),
    "judge_check": _Drawing(lambda facts, folder: findings_figure(facts.headline["findings"])),
    "items": _Drawing(lambda facts, folder: items_figure(facts.headline)),
    "evaluate_human": _Drawing(_results),
    "panel": _Drawing(lambda facts, folder: panel_figure(facts.headline["figures"])),
    "data": _Drawing(_data),
    "probe": _Drawing(_probe),
    "gate": _Drawing(_gate),
    "sft": _Drawing(_history(_SFT), "history.parquet"),
    "candidates": _Drawing(_candidates, "candidates.parquet"),
    "scores": _Drawing(_scores, "scores.parquet"),
    "pairs": _Drawing(_pairs, "pairs.parquet"),
    "dpo": _Drawing(_history(_DPO), "history.parquet"),
    "evaluate_base": _Drawing(_results),
    "evaluate": _Drawing(_results),
    "publish": _Drawing(_results),
}
