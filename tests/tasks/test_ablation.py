from __future__ import annotations

from pathlib import Path

import pytest
from ablating import ablate, arms_of

from saga_core.artifacts.store import Store
from saga_core.errors import UserError
from tasks.ablation import settled
from tasks.comparison import StoredComparison, load_comparison
from tasks.page import page_of


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "store")


def _stored(store: str, key: str) -> StoredComparison:
    opened = Store(store)
    record = opened.find("comparison", key)
    assert record
    return load_comparison(opened.fetch(opened.reference(record)))


def test_what_arms_share_is_made_once_and_all_are_compared_with_the_first(store: str) -> None:
    contrast, outcome, made = ablate(store, "sft.mode=skip,force", "dpo.nll_weight=0,1")
    assert {name: made.count(name) for name in ("data", "evaluate_base", "sft", "candidates", "dpo", "evaluate")} == {
        "data": 1, "evaluate_base": 1, "sft": 1, "candidates": 2, "dpo": 4, "evaluate": 4
    }  # fmt: skip
    assert outcome.reference
    assert outcome.headline
    found = _stored(store, outcome.reference.key)
    titles = [f"sft.mode={mode}, dpo.nll_weight={nll}" for mode in ("skip", "force") for nll in (0, 1)]
    assert list(found.comparison.figures) == ["Base", *titles]
    assert found.comparison.first == titles[0]
    assert found.labels.evaluator == "Stanza"
    rows = {(row.arm, row.metric): row for row in found.comparison.differences}
    assert rows[titles[1], "parse_success"].comparison.delta > 0.1
    assert rows[titles[2], "ppl"].holm < 0.05 < rows[titles[1], "ppl"].holm
    assert f"{titles[2]} does not improve results over {titles[0]}." in outcome.headline["finding"]
    page = (Path(outcome.reference.uri) / "README.md").read_text()
    assert page.startswith("**Finding:** ")
    # In the interface it says beneath where it lies.
    shown = page_of(outcome, contrast.session)
    assert shown.startswith(page.rstrip())
    assert outcome.reference.uri in shown.removeprefix(page.rstrip())
    assert contrast.session.run.startswith("demo-ablation-")


def test_arms_that_come_to_the_same_model_are_told_and_not_compared(store: str) -> None:
    # The gate asks for KL-SFT, so auto is what force is.
    _, outcome, _ = ablate(store, "sft.mode=force,skip,auto")
    assert outcome.reference
    found = _stored(store, outcome.reference.key).comparison
    assert found.same == {"sft.mode=auto": "sft.mode=force"}
    assert found.arms == ["sft.mode=force", "sft.mode=skip"]


@pytest.mark.slow
def test_seeds_vary_the_training_alone_and_are_folded_in(store: str) -> None:
    _, outcome, made = ablate(store, "sft.mode=skip,force", seeds=(0, 1, 2))
    assert {name: made.count(name) for name in ("data", "evaluate_base", "sft", "candidates", "evaluate")} == {
        "data": 1, "evaluate_base": 1, "sft": 3, "candidates": 6, "evaluate": 6
    }  # fmt: skip
    assert outcome.reference
    found = _stored(store, outcome.reference.key).comparison
    assert (found.seeds, len(found.arms)) == (3, 2)
    assert {row.comparison.test for row in found.differences} == {"t over 3 seeds and items"}
    # The recipe's own seed is the first: its runs are those of an ablation without seeds.
    assert ablate(store, "sft.mode=skip,force")[2] == ["publish", "publish", "comparison"]


@pytest.mark.slow
def test_again_there_is_nothing_to_do_and_another_order_is_another_comparison(store: str) -> None:
    assert settled(arms_of(store, "sft.mode=skip,force")) is None
    _, outcome, _ = ablate(store, "sft.mode=skip,force")
    done = settled(arms_of(store, "sft.mode=skip,force"))
    assert done is not None
    assert done[1].reference == outcome.reference
    assert settled(arms_of(store, "sft.mode=force,skip")) is None
    assert ablate(store, "sft.mode=force,skip")[2] == ["comparison"]


@pytest.mark.parametrize(
    ("vary", "where", "told"),
    [
        ("seed=0,1", "--vary seed=1", "seed is 1, not 0; measured on other items"),
        ("corpus.prompts=10,20", "--vary corpus.prompts=20", "measured on other items"),
        ("evaluation.stride=64,128", "--vary evaluation.stride=128", "evaluation.stride is 128, not 64"),
        ("sft.mod=skip,force", '--vary sft.mod="skip"', "unknown setting sft.mod"),
        ("sft.mode=skip,never", '--vary sft.mode="never"', "input should be 'auto', 'force' or 'skip'"),
    ],
)
def test_what_could_not_be_compared_is_refused_before_anything_is_made(
    store: str, vary: str, where: str, told: str
) -> None:
    with pytest.raises(UserError, match=told) as error:
        arms_of(store, vary)
    assert error.value.where.startswith(where)
    assert not Path(store).exists() or not any(Path(store).glob("*/*"))
