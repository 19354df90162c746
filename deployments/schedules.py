"""When each language is retrained: ``schedules.yaml``, validated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from prefect.client.schemas.schedules import CronSchedule
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from saga_core.errors import UserError
from saga_core.languages import codes
from saga_core.recipe_file import load_recipe
from saga_core.yaml_file import read_settings

SCHEDULES = Path(__file__).with_name("schedules.yaml")


def _cron(text: str) -> str:
    try:
        return CronSchedule(cron=text).cron
    except ValidationError:
        raise ValueError(f"not a cron expression of five fields: {text!r}") from None


def _timezone(text: str) -> str:
    try:
        CronSchedule(cron="* * * * *", timezone=text)
    except ValidationError:
        raise ValueError(f"no such time zone: {text!r}") from None
    return text


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Schedule(_Frozen):
    """One schedule of a language.

    Attributes:
        slug: Its name on the server.
        cron: Five fields.
        timezone: IANA name in which ``cron`` is read.
        parameters: Of the runs it makes, in place of the deployment's.
    """

    slug: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=64)
    cron: Annotated[str, AfterValidator(_cron)]
    timezone: Annotated[str, Field(min_length=1), AfterValidator(_timezone)]
    parameters: dict[str, Any] = Field(default_factory=dict)


class LanguageSchedule(_Frozen):
    """How a language is retrained.

    Attributes:
        recipe: Name of the recipe.
        schedules: When, with different slugs.
    """

    recipe: str = Field(min_length=1)
    schedules: tuple[Schedule, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_of_each_slug(self) -> LanguageSchedule:
        slugs = [schedule.slug for schedule in self.schedules]
        if twice := sorted({slug for slug in slugs if slugs.count(slug) > 1}):
            raise ValueError(f"slug {twice[0]} is given twice")
        return self


def load_schedules(path: Path = SCHEDULES) -> dict[str, LanguageSchedule]:
    """Return the languages that are retrained, by code.

    Raises:
        UserError: Not YAML, an unknown key, language or recipe, no cron expression, no time zone.
    """
    found = {}
    for code, entry in read_settings(path, "the schedules file", "see deployments/schedules.yaml").items():
        if code not in codes():
            raise UserError(f"unknown language {code!r}", str(path), f"known: {', '.join(codes())}")
        try:
            found[str(code)] = LanguageSchedule.model_validate(entry)
        except ValidationError as error:
            raise _explain(error, f"{path}: {code}") from error
        language = load_recipe(found[str(code)].recipe).recipe.language
        if language != code:
            raise UserError(f"this recipe is of the language {language}", f"{path}: {code}.recipe", "name another")
    return found


def _explain(error: ValidationError, where: str) -> UserError:
    first = next((e for e in error.errors() if e["type"] == "extra_forbidden"), error.errors()[0])
    where = ".".join([where, *(str(part) for part in first["loc"])])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return UserError("unknown key", where, "deployments/schedules.yaml says which there are")
    if first["type"] == "missing":
        return UserError("this key is required", where, "add it")
    return UserError(message[:1].lower() + message[1:], where, "correct the value")
