"""Deployments and their schedules: made where they are missing, changed where they differ, else left alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

from deployments.entry import Entry
from deployments.names import PULL_STEPS, TAG
from deployments.schedules import Schedule
from saga_core.errors import UserError


def deploy_entries(client: SyncPrefectClient, entries: Iterable[Entry]) -> Iterator[str]:
    """Make the server have the deployments.

    Yields:
        What was changed, a line each; and what the server has that is none of these.
    """
    known = set()
    for entry in entries:
        flow = _flow(entry)
        name = f"{flow.name}/{entry.name}"
        wanted = _wanted(entry, flow)
        try:
            there = client.read_deployment_by_name(name)
        except ObjectNotFound:
            made = client.create_deployment(client.create_flow_from_name(flow.name), entry.name, **wanted)
            yield f"deployment {name}: made"
            there = client.read_deployment(made)
        known.add(there.id)
        if different := sorted(key for key, value in wanted.items() if _has(there, key) != value):
            # Whole, so that no field falls to a default; the schedules are not among them.
            client.update_deployment(there.id, DeploymentUpdate(**wanted))
            yield f"deployment {name}: {', '.join(different)}"
        for line in _schedules(client, there, entry.schedules):
            yield f"deployment {name}: {line}"
    yield from _others(client, known)


def _flow(entry: Entry) -> Flow[..., Any]:
    try:
        # A stand-in, which Prefect makes of what cannot be imported, would have no form.
        return load_flow_from_entrypoint(entry.entrypoint, use_placeholder_flow=False)
    except ImportError as error:
        raise UserError(f"cannot import {entry.entrypoint}: {error}", entry.name, "install the package here") from error


def _wanted(entry: Entry, flow: Flow[..., Any]) -> dict[str, Any]:
    limit = entry.concurrency_limit
    strategy = (
        ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy(limit.collision_strategy)) if limit else None
    )
    return {
        "entrypoint": entry.entrypoint,
        "description": entry.description,
        "tags": list(entry.tags),
        "parameters": entry.parameters,
        "work_pool_name": entry.work_pool.name,
        "work_queue_name": entry.work_pool.work_queue_name,
        "concurrency_limit": limit.limit if limit else None,
        "concurrency_options": strategy,
        "pull_steps": PULL_STEPS,
        "parameter_openapi_schema": _form(flow),
        "enforce_parameter_schema": True,
    }


def _form(flow: Flow[..., Any]) -> dict[str, Any]:
    schema = parameter_schema(flow).model_dump(mode="json", exclude_unset=True)
    # Else a misspelt parameter is taken, and the run's process dies of it before it can say a word.
    return schema | {"additionalProperties": False}


def _has(there: DeploymentResponse, key: str) -> Any:  # noqa: ANN401 - whatever the field holds
    if key == "concurrency_limit":
        limit = there.global_concurrency_limit
        return limit.limit if limit else None
    return getattr(there, key)


def _schedules(client: SyncPrefectClient, there: DeploymentResponse, wanted: Iterable[Schedule]) -> Iterator[str]:
    """Match schedules by slug; whether one is active is the operator's, and so is one without a slug."""
    before = {schedule.slug: schedule for schedule in there.schedules if schedule.slug}
    for schedule in wanted:
        cron = CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
        old = before.pop(schedule.slug, None)
        if old is None:
            new = DeploymentScheduleCreate(
                schedule=cron, active=True, parameters=schedule.parameters, slug=schedule.slug
            )
            client.create_deployment_schedules(there.id, [new])
            yield f"schedule {schedule.slug} made"
        elif (old.schedule, old.parameters) != (cron, schedule.parameters):
            client.update_deployment_schedule(there.id, old.id, schedule=cron, parameters=schedule.parameters)
            yield f"schedule {schedule.slug}"
    for slug, gone in before.items():
        client.delete_deployment_schedule(there.id, gone.id)
        yield f"schedule {slug} removed"


def _others(client: SyncPrefectClient, known: set[UUID]) -> Iterator[str]:
    """Name deployments of ours that are not wanted; another checkout may have made them, so they stay."""
    ours = client.read_deployments(deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG])))
    for deployment in ours:
        if deployment.id not in known:
            name = f"{client.read_flow(deployment.flow_id).name}/{deployment.name}"
            yield f"deployment {name}: not among these; `prefect deployment delete {name}` removes it"
