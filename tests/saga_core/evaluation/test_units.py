from __future__ import annotations

import numpy as np
import pytest
from evaluation_results import result_of

from saga_core.evaluation.jackknife import pseudo_values
from saga_core.evaluation.statistics import auroc
from saga_core.evaluation.suite import compare, metrics
from saga_core.evaluation.units import units_of


def test_the_figure_of_the_units_is_the_metric() -> None:
    result = result_of(0)
    units, figures = units_of(result), metrics(result, 0, 200)
    assert units.keys() <= figures.keys()
    for metric in units:
        estimate = figures[metric]
        shown = np.exp(units[metric].figure) if units[metric].kind == "log" else units[metric].figure
        assert shown == pytest.approx(estimate.value), metric
        # But for the jackknife's correction of a bias.
        assert units[metric].values.mean() == pytest.approx(units[metric].figure, abs=2e-3)
    assert units_of(result_of(0, reading=False)).keys() == {
        name for name in units if not name.startswith(("summ", "rc"))
    }


def test_the_jackknife_of_an_auroc_leaves_out_each_pair() -> None:
    result = result_of(1, items=25)
    good, bad = (np.array([getattr(pair, name) for pair in result.scala]) for name in ("good", "bad"))
    without = [float(auroc(np.delete(good, i), np.delete(bad, i))) for i in range(25)]
    found = units_of(result)["scala_auroc"]
    assert found.values == pytest.approx(pseudo_values(float(auroc(good, bad)), without))


def test_their_error_is_that_of_the_bootstrap() -> None:
    before, after = result_of(2, items=150), result_of(3, passing=0.7, nll=5.1, items=150)
    first, second = units_of(before), units_of(after)
    comparisons = compare(before, after, 0, 1_000)
    for metric in (name for name in first if first[name].kind != "log"):
        comparison = comparisons[metric]
        change = second[metric].ordered(first[metric].ids).values - first[metric].values
        width = 2 * 1.96 * np.std(change, ddof=1) / np.sqrt(150)
        assert comparison.high - comparison.low == pytest.approx(width, rel=0.1), metric


def test_units_are_put_into_the_order_of_another_model() -> None:
    units = units_of(result_of(4))["parse_score"]
    turned = units.ordered(units.ids[::-1])
    assert (turned.ids, turned.values.tolist()) == (units.ids[::-1], units.values[::-1].tolist())
