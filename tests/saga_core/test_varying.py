from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saga_core.errors import UserError
from saga_core.recipe_file import load_recipe
from saga_core.varying import variants


def test_arms_are_the_product_of_the_lists() -> None:
    arms = variants(["sft.mode=skip,force", "dpo.nll_weight=0,0.3"])
    assert [arm.title for arm in arms] == [
        "sft.mode=skip, dpo.nll_weight=0",
        "sft.mode=skip, dpo.nll_weight=0.3",
        "sft.mode=force, dpo.nll_weight=0",
        "sft.mode=force, dpo.nll_weight=0.3",
    ]
    recipe = load_recipe("demo", arms[1].overrides).recipe
    assert (recipe.sft.mode, recipe.dpo.nll_weight) == ("skip", 0.3)


def test_commas_in_brackets_and_quotes_are_a_values_own() -> None:
    arms = variants(["generation.temperatures=[0.7, 1.1],[0.9]", 'name="a,b",c'])
    assert [arm.overrides for arm in arms][:2] == [
        ("generation.temperatures=[0.7, 1.1]", 'name="a,b"'),
        ("generation.temperatures=[0.7, 1.1]", 'name="c"'),
    ]
    assert arms[0].title == "generation.temperatures=[0.7, 1.1], name=a,b"


def test_a_part_of_a_fixed_group_may_vary() -> None:
    arms = variants(["dpo.beta=0.1,0.2"], ["dpo={epochs: 1}"])
    recipe = load_recipe("demo", ["dpo={epochs: 1}", *arms[1].overrides]).recipe
    assert (recipe.dpo.epochs, recipe.dpo.beta) == (1, 0.2)


def test_a_value_is_read_as_set_reads_it() -> None:
    null, rate = variants(["evaluation.reading=null", "dpo.learning_rate=1e-4,2e-4"])
    assert load_recipe("demo", null.overrides).recipe.evaluation.reading is None
    assert load_recipe("demo", rate.overrides).recipe.dpo.learning_rate == 2e-4


@pytest.mark.parametrize(
    ("vary", "fixed", "told"),
    [
        (["sft.mode"], [], "not of the form key=value,value"),
        (["=a,b"], [], "not of the form key=value,value"),
        (["sft.mode="], [], "no value"),
        (["sft.mode=skip"], [], "one arm is nothing to compare"),
        ([], [], "one arm is nothing to compare"),
        (["sft.mode=skip,force,skip"], [], "skip is given twice"),
        (['dpo.beta=0.1,"0.1"'], [], "0.1 is given twice"),
        (["dpo={beta: 0.1},{beta: 0.2}", "dpo.beta=0.1,0.2"], [], "dpo.beta and dpo overlap"),
        (["dpo.beta=0.1,0.2", "dpo={beta: 0.1},{beta: 0.2}"], [], "dpo and dpo.beta overlap"),
        (["dpo={beta: 0.1},{beta: 0.2}"], ["dpo.epochs=1"], "dpo and dpo.epochs overlap"),
        (["sft.mode=skip,force", "sft.mode=auto"], [], "sft.mode is given twice"),
        (["sft.mode=skip,force"], ["sft.mode=auto"], "sft.mode is given twice"),
        (["sft.mode=a[,b"], [], "the values are not YAML"),
        (["sft.mode=a],[b"], [], "the values are not YAML"),
    ],
)
def test_mistakes_are_told_in_a_line(vary: list[str], fixed: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told.replace("(", r"\(")) as error:
        variants(vary, fixed)
    assert "--vary" in error.value.where


@given(st.dictionaries(st.text(st.characters(codec="ascii"), max_size=5), st.text(max_size=20), max_size=3))
def test_any_text_gives_arms_or_a_mistake(lists: dict[str, str]) -> None:
    with contextlib.suppress(UserError):
        arms = variants([f"{key}={values}" for key, values in lists.items()])
        assert len({arm.overrides for arm in arms}) == len({arm.title for arm in arms}) == len(arms) > 1
