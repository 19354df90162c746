from __future__ import annotations

import pytest
from evaluation_results import result_of

from saga_core.errors import StageError
from saga_core.evaluation.arms import Arm, ArmsComparison, compare_arms
from saga_core.evaluation.holm import holm
from saga_core.evaluation.suite import METRICS, compare, metrics

BASE = Arm("Base", (result_of(0, passing=0.6),))


def _arm(title: str, *seeds: int, **quality: float) -> Arm:
    return Arm(title, tuple(result_of(seed, **quality) for seed in seeds))  # type: ignore[arg-type]


def test_with_one_seed_it_is_the_suites_comparison_corrected() -> None:
    arms = [_arm("a", 1), _arm("b", 2, nll=5.3), _arm("c", 3, passing=0.5)]
    found = compare_arms([BASE], arms, {}, 0, 300)
    assert (list(found.figures), found.arms, found.first) == (["Base", "a", "b", "c"], ["a", "b", "c"], "a")
    assert found.figures["Base"] == metrics(BASE.results[0], 0, 300)
    known = {arm.title: compare(arms[0].results[0], arm.results[0], 0, 300) for arm in arms[1:]}
    assert len(found.differences) == 2 * len(known["b"])
    for row in found.differences:
        comparison = known[row.arm][row.metric]
        assert (row.comparison.delta, row.comparison.test) == (comparison.delta, comparison.test)
        if "bootstrap" not in comparison.test:
            assert row.comparison.p == comparison.p
    tested = [row for row in found.differences if row.metric != "bits_per_byte"]
    assert [row.holm for row in tested] == holm([row.comparison.p for row in tested])
    assert {row.metric: row.holm for row in found.differences if row.arm == "b"}["ppl"] < 0.05


def test_it_is_read_again_as_it_was_written() -> None:
    found = compare_arms([BASE], [_arm("a", 1), _arm("b", 2)], {"c": "a"}, 0, 200)
    again = ArmsComparison.model_validate_json(found.model_dump_json())
    assert again == found
    assert list(again.figures) == ["Base", "a", "b"]


def test_seeds_are_folded_in_and_lucky_ones_convince_nobody() -> None:
    # Two of three seeds of the second arm are good.
    lucky = Arm("b", tuple(result_of(4 + i, passing=passing) for i, passing in enumerate((0.95, 0.95, 0.35))))
    one = compare_arms([BASE], [_arm("a", 1, passing=0.6), Arm("b", lucky.results[:1])], {}, 0, 200)
    three = compare_arms([BASE], [_arm("a", 1, 2, 3, passing=0.6), lucky], {}, 0, 200)
    first, folded = ({row.metric: row for row in found.differences} for found in (one, three))
    assert first["parse_success"].comparison.p < 0.05 < folded["parse_success"].comparison.p
    assert folded["parse_success"].comparison.test == "t over 3 seeds and items"
    assert (one.seeds, three.seeds) == (1, 3)
    assert folded.keys() | three.left_out.keys() == first.keys()
    estimate = three.figures["b"]["parse_success"]
    assert estimate.value == pytest.approx(sum(o.passed for r in lucky.results for o in r.parse) / 180)
    alone = one.figures["b"]["parse_success"]
    assert estimate.high - estimate.low > 1.5 * (alone.high - alone.low)


def test_a_perplexity_over_seeds_is_compared_by_its_logarithm() -> None:
    found = compare_arms([BASE], [_arm("a", 1, 2, 3), _arm("b", 4, 5, 6, nll=5.2)], {}, 0, 200)
    row = next(row for row in found.differences if row.metric == "ppl")
    before, after = (found.figures[arm]["ppl"].value for arm in ("a", "b"))
    assert row.comparison.delta == pytest.approx(after - before)
    assert 0 < row.comparison.low < row.comparison.delta < row.comparison.high


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_perplexity_and_bits_per_byte_are_one_test(seeds: tuple[int, ...]) -> None:
    arms = [_arm("a", *(1 + i for i in seeds)), _arm("b", *(4 + i for i in seeds), nll=5.02)]
    rows = {row.metric: row for row in compare_arms([BASE], arms, {}, 0, 200).differences}
    ppl, bits = rows["ppl"], rows["bits_per_byte"]
    assert ppl.holm == bits.holm >= max(ppl.comparison.p, bits.comparison.p)
    assert compare_arms([BASE], arms, {}, 0, 200).tests == len(rows) - 1
    most = (len(rows) - 1) * max(row.comparison.p for row in (ppl, bits))
    assert ppl.holm <= min(1.0, most) + 1e-12


@pytest.mark.parametrize("seeds", [(1,), (1, 2, 3)])
def test_where_no_item_differs_other_items_still_might(seeds: tuple[int, ...]) -> None:
    found = compare_arms([BASE], [_arm("a", *seeds, passing=1.0), _arm("b", *seeds, passing=1.0)], {}, 0, 200)
    row = next(row.comparison for row in found.differences if row.metric == "parse_success")
    assert (row.delta, row.p) == (0.0, 1.0)
    assert row.low == -row.high
    assert 0.02 < row.high < 0.05


def test_models_of_another_tokenizer_have_no_perplexity_a_token_in_common() -> None:
    found = compare_arms([BASE], [_arm("a", 1), _arm("b", 2, tokens=30)], {}, 0, 200)
    assert "bytes" in found.left_out["ppl"].replace("byte", "bytes")
    assert all("ppl" not in figures and "bits_per_byte" in figures for figures in found.figures.values())
    assert {row.metric for row in found.differences} == {*metrics(BASE.results[0], 0, 200)} - {"ppl"} <= {*METRICS}


def test_few_items_that_agree_are_little() -> None:
    few = [Arm(title, (result_of(seed, items=4, nll=nll),)) for title, seed, nll in (("a", 1, 5.0), ("b", 2, 6.0))]
    found = compare_arms([Arm("Base", (result_of(0, items=4),))], few, {}, 0, 200)
    assert {row.metric: row.comparison.p for row in found.differences}["ppl"] == 2 / 2**4


def test_one_arm_alone_has_figures_and_no_difference() -> None:
    assert compare_arms([BASE], [_arm("a", 1)], {"b": "a"}, 0, 200).differences == ()


@pytest.mark.parametrize("seeds", [(2,), (2, 3)])
def test_other_items_are_refused(seeds: tuple[int, ...]) -> None:
    other = Arm("b", tuple(result_of(seed, others="x") for seed in seeds))
    with pytest.raises(StageError, match="not measured on the same items"):
        compare_arms([BASE], [_arm("a", *seeds), other], {}, 0, 200)


def test_other_numbers_of_seeds_are_refused() -> None:
    with pytest.raises(StageError, match="not as many seeds"):
        compare_arms([BASE], [_arm("a", 1), _arm("b", 2, 3)], {}, 0, 200)
