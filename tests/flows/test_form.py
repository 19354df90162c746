"""The settings that a person chooses in the form."""

import json

import pytest
from prefect.utilities.callables import parameter_schema
from pydantic import ValidationError

from flows.align import align
from flows.form import Choices, prefilled
from saga_core.recipe_file import load_recipe, recipe_names

SCHEMA = parameter_schema(align.fn).model_dump()


def test_every_field_has_a_title_a_help_text_and_its_bounds() -> None:
    fields = SCHEMA["definitions"]["Choices"]["properties"]
    assert {"language", "base_model", "sft_mode", "tau", "min_gap", "min_chosen"} <= fields.keys()
    assert all(field["title"] and field["description"] for field in fields.values())
    assert (fields["tau"]["minimum"], fields["tau"]["maximum"]) == (0, 1)
    assert (fields["min_gap"]["minimum"], fields["min_gap"]["maximum"]) == (0, 2)
    assert fields["beta"]["exclusiveMinimum"] == 0
    assert fields["sft_mode"]["enum"] == ["auto", "force", "skip"]
    assert [field["position"] for field in fields.values()] == list(range(len(fields)))
    assert all(parameter["description"] for parameter in SCHEMA["properties"].values())


@pytest.mark.parametrize("recipe", recipe_names())
def test_a_prefilled_form_changes_nothing(recipe: str) -> None:
    parameters = prefilled(recipe)
    assert json.loads(json.dumps(parameters)) == parameters
    plain = load_recipe(recipe)
    chosen = Choices(**parameters["choices"]).overrides(plain.recipe)
    assert len(chosen) == len(Choices.model_fields)
    assert load_recipe(recipe, chosen).recipe == plain.recipe


def test_what_is_not_chosen_stays_the_recipes() -> None:
    recipe = load_recipe("demo").recipe
    assert Choices().overrides(recipe) == ()
    assert Choices(tau=0.5, sft_mode="force").overrides(recipe) == ('sft.mode="force"', "sft.tau=0.5")


def test_another_base_model_does_not_carry_the_recipes_licence() -> None:
    loaded = load_recipe("demo")
    other = load_recipe("demo", Choices(base_model="org/other").overrides(loaded.recipe)).recipe.model
    assert (other.id, other.licence, other.title, other.revision) == ("org/other", "other", None, None)
    same = load_recipe("demo", Choices(base_model=loaded.recipe.model.id).overrides(loaded.recipe)).recipe.model
    assert same == loaded.recipe.model


@pytest.mark.parametrize(
    ("field", "value"),
    [("tau", 1.5), ("tau", "high"), ("tau", float("nan")), ("beta", 0), ("sft_mode", "sometimes"), ("language", "xx"),
     ("base_model", ""), ("min_gap", -1), ("thau", 0.5)],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_the_field_named(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        Choices.model_validate({field: value})
    assert refused.value.errors()[0]["loc"] == (field,)
