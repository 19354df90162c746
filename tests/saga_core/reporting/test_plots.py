"""Plots are PNGs, the same for the same figures, and different for different ones."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from PIL import Image

from saga_core.evaluation.statistics import Estimate
from saga_core.reporting.plots import results_figure, scores_figure, training_figure
from saga_core.reporting.results import Column

DPO_LOG = [
    {"step": 1, "loss": 0.69, "rewards/margins": 0.1, "rewards/accuracies": 0.5, "logps/chosen": -60.0},
    {"step": 2, "loss": 0.41, "rewards/margins": 0.9, "rewards/accuracies": 0.9, "logps/chosen": -64.0},
    {"step": 2, "train_runtime": 3.1, "train_loss": 0.55},
]


def opened(png: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(png))
    image.load()
    assert image.format == "PNG"
    return image


def results(*columns: Column) -> bytes:
    return results_figure(columns, evaluator="Stanza", text="Wiki")


def test_results_of_a_run_are_the_same_bytes_in_every_thread(base_column: Column, final_column: Column) -> None:
    with ThreadPoolExecutor(3) as pool:
        pngs = set(pool.map(lambda _: results(base_column, final_column), range(3)))
    assert len(pngs) == 1
    image = opened(pngs.pop())
    assert image.width == 1_200
    # Neither a date nor a version of the software.
    assert set(image.info) <= {"dpi"}


def test_an_interval_is_drawn(base_column: Column, final_column: Column) -> None:
    bare = {metric: value.value for metric, value in final_column.values.items() if isinstance(value, Estimate)}
    assert results(base_column, final_column) != results(base_column, replace(final_column, values=bare))


def test_the_public_cards_bare_figures_are_drawn(public_columns: tuple[Column, ...]) -> None:
    assert opened(results(*public_columns)).height < 1_300


@pytest.mark.parametrize(
    "columns",
    [
        (Column("Base", {"ppl": 30.1}),),
        (Column("Base", {"ppl": 30.1}), Column("costs $5 or $6", {"mattr": 0.9, "ppl": None})),
        (Column("Base", {"parse_success": Estimate(1.0, 0.98, 1.0, 9)}), Column("Final", {"summ_ps": 0.0})),
    ],
)
def test_results_with_gaps_are_drawn(columns: tuple[Column, ...]) -> None:
    opened(results(*columns))


def test_a_training_log_gives_a_panel_for_each_quantity_it_holds() -> None:
    dpo = opened(training_figure(DPO_LOG))
    sft = opened(training_figure([{"step": step, "loss": 4.0 / step} for step in (1, 2, 3)]))
    assert dpo.height > 3 * sft.height
    assert training_figure(DPO_LOG) == training_figure(DPO_LOG)


@pytest.mark.parametrize("history", [[], [{"step": 1, "loss": float("nan")}], [{"loss": 0.1}], [{"step": 1}]])
def test_a_log_without_figures_says_so_and_does_not_fail(history: list[dict[str, float]]) -> None:
    assert training_figure(history) == training_figure([])


def test_scores_of_candidates_and_pairs() -> None:
    png = scores_figure([-1.0, -1.0, 0.4, 0.9, 1.0], [0.9, 1.0], [-1.0, -1.0])
    assert png == scores_figure([-1.0, -1.0, 0.4, 0.9, 1.0], [0.9, 1.0], [-1.0, -1.0])
    assert png != scores_figure([-1.0, -1.0, 0.4, 0.9, 1.0], [0.9, 1.0], [-1.0, 0.4])
    opened(png)


def test_no_pairs_at_all_is_still_a_plot() -> None:
    opened(scores_figure([-1.0], [], []))


def test_a_log_read_back_from_a_table_is_the_same_picture() -> None:
    names = {name for row in DPO_LOG for name in row}
    table = [{name: float(row[name]) if name in row else None for name in names} for row in DPO_LOG]
    assert training_figure(table) == training_figure(DPO_LOG)
