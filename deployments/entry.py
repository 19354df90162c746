"""One deployment, as ``prefect.yaml`` says it."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deployments.schedules import Schedule
from saga_core.errors import UserError


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pool(_Frozen):
    """Where its runs go."""

    name: str
    work_queue_name: str


class Limit(_Frozen):
    """How many of its runs go on at once, and that the others wait."""

    limit: int = Field(ge=1)
    collision_strategy: Literal["ENQUEUE"] = "ENQUEUE"


class Entry(_Frozen):
    """One deployment.

    Attributes:
        name: Without the flow's.
        entrypoint: Module path of the flow; what runs it has the package installed.
        description: For the deployment's page.
        tags: For the user interface's filters.
        parameters: What the form is filled with.
        work_pool: Pool and queue.
        concurrency_limit: None for as many as the workers take.
        schedules: When it runs by itself.
    """

    name: str
    entrypoint: str
    description: str
    tags: tuple[str, ...]
    parameters: dict[str, Any]
    work_pool: Pool
    concurrency_limit: Limit | None = None
    schedules: tuple[Schedule, ...] = ()

    @classmethod
    def read(cls, data: object, where: str) -> Self:
        """Validate one entry of the file.

        Raises:
            UserError: It is not what the generator writes.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join([where, *(str(part) for part in first["loc"])])
            raise UserError(first["msg"], where, "python -m deployments.prefect_file writes it anew") from error
