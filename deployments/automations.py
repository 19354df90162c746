"""Automations: a run whose heartbeats ended is marked crashed, and a run that failed is told to a webhook."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, CallWebhook, ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from deployments.notification import VARIABLE, notification_block

# Of a run, in seconds; PREFECT_FLOWS_HEARTBEAT_FREQUENCY of every worker.
HEARTBEAT = 30
# A shorter silence than three beats was seen in healthy runs.
_SILENCE = timedelta(seconds=3 * HEARTBEAT)
# A process that is told to end is killed after 30.
_CANCELLING = timedelta(seconds=90)
# From a worker's taking a run to its first beat; two processes importing Prefect took 27 s at a load of 28.
_START = timedelta(seconds=120)

_BEAT = "prefect.flow-run.heartbeat"
# After these a run is silent, and yet its process isn't missing. Events go by the states' names: Prefect's, then ours.
# Of a name that is missing here comes no harm but a line on the automation's page: what has ended is never marked.
_ENDED = ("Completed", "Failed", "TimedOut", "Crashed", "Cancelled", "RolledBack")
_OURS = ("Cached", "Skipped", "Refused", "Invalid input", "Promoted", "Kept", "NothingToDo")
_STARTING = ("Pending", "Submitting", "InfrastructurePending")
_WAITING = ("Paused", "Suspended", "Scheduled", "Late", "AwaitingRetry", "AwaitingConcurrencySlot")

# Pods may wait long for a node, and their worker reports those that are lost.
_BY_PROCESS = {"prefect.resource.role": "work-pool", "prefect.work-pool.type": "process"}
_ANY_RUN = {"prefect.resource.id": "prefect.flow-run.*"}
# Whole runs, of a deployment: not the stages and inner runs, whose failure ends the whole one.
_WHOLE_RUNS = [
    {"prefect.resource.role": "flow", "prefect.resource.name": ["align", "retrain"]},
    {"prefect.resource.role": "deployment"},
]
# Quoted by the template: a run's name may hold whatever a person gave for the recipe.
_MESSAGE = {
    "text": "flow.name ~ ' ' ~ flow_run.name ~ ': ' ~ flow_run.state.name",
    "flow": "flow.name",
    "deployment": "deployment.name",
    "run": "flow_run.name",
    "state": "flow_run.state.name",
    "url": "flow_run | ui_url",
}


def deploy_automations(client: SyncPrefectClient, notify: str | None) -> Iterator[str]:
    """Make the server have the automations; whether one is enabled is the operator's.

    Args:
        client: Of the server.
        notify: URL of the webhook for failures; None leaves what is there.

    Yields:
        What was changed, a line each.
    """
    yield from _deploy(client, _missing_heartbeats())
    yield from _deploy(client, _missing_starts())
    yield from _deploy(client, _unfinished_cancellations())
    if notify:
        block, changed = notification_block(client, notify)
        if changed:
            yield f"webhook of {VARIABLE}: kept on the server"
        yield from _deploy(client, _failures(CallWebhook(block_document_id=block, payload=_payload())))


def _missing_heartbeats() -> AutomationCore:
    crash = ChangeFlowRunState(
        state=StateType.CRASHED,
        name="Crashed",
        message=f"No heartbeat for {_SILENCE.seconds} s: its process is gone; Retry resumes from what is stored.",
    )
    return _automation(
        "saga: missing heartbeats",
        "A run whose process is gone is marked crashed; its slot is free.",
        _silence({_BEAT}, {_BEAT, *_events(*_ENDED, *_OURS, *_WAITING)}, _SILENCE),
        crash,
    )


def _missing_starts() -> AutomationCore:
    crash = ChangeFlowRunState(
        state=StateType.CRASHED,
        name="Crashed",
        message=f"Not begun {_START.seconds} s after a worker took it: its process is gone; Retry starts it again.",
    )
    began = {_BEAT, *_events("Running", *_ENDED, *_OURS, *_WAITING)}
    return _automation(
        "saga: missing starts",
        "A run whose process was gone before it began is marked crashed.",
        _silence(_events(*_STARTING), began, _START, _BY_PROCESS),
        crash,
    )


def _unfinished_cancellations() -> AutomationCore:
    # Of a run that was cancelled before it began nobody says that it has ended (Prefect 3.8.8), and its slot is taken.
    end = ChangeFlowRunState(
        state=StateType.CANCELLED, name="Cancelled", message="Cancelled before it began, or its worker is gone."
    )
    return _automation(
        "saga: unfinished cancellations",
        "A cancelled run that nobody ends is ended; its slot is free.",
        _silence(_events("Cancelling"), _events(*_ENDED, *_OURS), _CANCELLING),
        end,
    )


def _silence(
    after: set[str], expect: set[str], within: timedelta, related: dict[str, str] | None = None
) -> EventTrigger:
    """Return what goes off when a run has told none of some events in the time after others."""
    return EventTrigger(
        match=_ANY_RUN,
        match_related=related or {},
        for_each={"prefect.resource.id"},
        after=after,
        expect=expect,
        posture=Posture.Proactive,
        threshold=1,
        within=within,
    )


def _events(*states: str) -> set[str]:
    return {f"prefect.flow-run.{name}" for name in states}


def _failures(action: CallWebhook) -> AutomationCore:
    trigger = EventTrigger(
        # By type: a mistake in the input fails under a name of its own.
        match={**_ANY_RUN, "prefect.state-type": ["FAILED", "CRASHED"]},
        match_related=_WHOLE_RUNS,
        for_each={"prefect.resource.id"},
        expect={"prefect.flow-run.*"},
        posture=Posture.Reactive,
        threshold=1,
    )
    return _automation(
        "saga: failure notification", "A run that failed or crashed is told to the webhook.", trigger, action
    )


def _automation(name: str, description: str, trigger: EventTrigger, action: ActionTypes) -> AutomationCore:
    return AutomationCore(name=name, description=description, trigger=trigger, actions=[action])


def _payload() -> str:
    # Not the state's message: it may quote what was read, and its place is the run's page.
    fields = (f'"{name}": {{{{ ({value}) | tojson }}}}' for name, value in _MESSAGE.items())
    return "{" + ", ".join(fields) + "}"


def _deploy(client: SyncPrefectClient, wanted: AutomationCore) -> Iterator[str]:
    there = client.read_automations_by_name(wanted.name)
    if not there:
        client.create_automation(wanted)
        yield f"automation {wanted.name}: made"
        return
    first, *copies = there
    for copy in copies:
        client.delete_automation(copy.id)
        yield f"automation {wanted.name}: a second one removed"
    if _compared(first) != _compared(wanted):
        client.update_automation(first.id, wanted.model_copy(update={"enabled": first.enabled}))
        yield f"automation {wanted.name}: changed"


def _compared(automation: AutomationCore) -> dict[str, Any]:
    return automation.model_dump(include={"name", "description", "trigger", "actions"})
