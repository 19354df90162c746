"""What a person chooses in the UI's form to start a run: the settings that matter most, with their bounds and help."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from saga_core import languages
from saga_core.recipe import DpoSettings, PairSettings, Recipe, SftSettings
from saga_core.recipe_file import load_recipe

_SETTINGS = {
    "language": "language",
    "base_model": "model.id",
    "sft_mode": "sft.mode",
    "tau": "sft.tau",
    "min_quality": "sft.min_quality",
    "min_gap": "pairs.min_gap",
    "min_chosen": "pairs.min_chosen",
    "beta": "dpo.beta",
}


def _bounded(settings: type[BaseModel], name: str, title: str, description: str) -> Any:  # noqa: ANN401 - as Field
    """Return a field with the default and the bounds of a recipe's setting, so that the two never differ."""
    field = settings.model_fields[name]
    bounds = {
        limit: getattr(bound, limit)
        for bound in field.metadata
        for limit in ("ge", "le", "gt", "lt")
        if hasattr(bound, limit)
    }
    return Field(field.default, title=title, description=description, **bounds)


def _in_order(schema: dict[str, Any]) -> None:
    """Number the fields: the server's database forgets their order, and the form goes by these."""
    for position, field in enumerate(schema["properties"].values()):
        field["position"] = position


class Choices(BaseModel):
    """Settings of the recipe that a person may want to change for one run; what is not given stays the recipe's."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, json_schema_extra=_in_order)

    language: str = Field(
        "nb",
        title="Language",
        description="Code of the language that the text, the parsers and the prompts are in",
        json_schema_extra={"enum": list[Any](languages.codes())},
    )
    base_model: str = Field(
        "demo:models/nb-tiny",
        min_length=1,
        title="Base model",
        description="Hub id, a folder that the workers allow, or demo:NAME for an embedded one",
    )
    sft_mode: Literal["auto", "force", "skip"] = Field(
        "auto",
        title="KL-SFT",
        description="auto: only when the base's parse success (PS) is below τ; force: always; skip: never",
    )
    tau: float = _bounded(
        SftSettings, "tau", "τ, threshold of the gate", "Base PS from which KL-SFT is skipped, a rate from 0 to 1"
    )
    min_quality: float = _bounded(
        SftSettings,
        "min_quality",
        "Least quality of a training sentence",
        "Sentences that the judge finds worse than this, from 0 to 1, are kept out of KL-SFT",
    )
    min_gap: float = _bounded(
        PairSettings,
        "min_gap",
        "δ, least gap of a pair",
        "Least difference of the scores of chosen and rejected, 0 to 2",
    )
    min_chosen: float = _bounded(
        PairSettings, "min_chosen", "Floor of the chosen score", "Least score of a pair's chosen text, from -1 to 1"
    )
    beta: float = _bounded(
        DpoSettings, "beta", "β of DPO", "How strongly DPO is held to its reference model, more than 0"
    )

    @field_validator("language")
    @classmethod
    def _known(cls, code: str) -> str:
        if code not in languages.codes():
            raise ValueError(f"no such language; known: {', '.join(languages.codes())}")
        return code

    def overrides(self, recipe: Recipe) -> tuple[str, ...]:
        """Return what was chosen as settings in place of the recipe's.

        Args:
            recipe: The recipe as its file has it.
        """
        chosen = {_SETTINGS[name]: getattr(self, name) for name in _SETTINGS if name in self.model_fields_set}
        if chosen.get("model.id", recipe.model.id) != recipe.model.id:
            # Revision, licence and title are the other model's.
            chosen |= {"model.revision": None, "model.licence": "other", "model.title": None}
        return tuple(f"{setting}={json.dumps(value)}" for setting, value in chosen.items())


def prefilled(recipe: str) -> dict[str, Any]:
    """Return the parameters of a recipe's deployment: its own values, for the form to show.

    Args:
        recipe: Name of a recipe that comes with SAGA.

    Raises:
        UserError: It is none.
    """
    loaded = load_recipe(recipe).recipe
    choices = {}
    for name, setting in _SETTINGS.items():
        value: Any = loaded
        for part in setting.split("."):
            value = getattr(value, part)
        choices[name] = value
    return {"recipe": recipe, "choices": choices}
