"""Progress of a running stage on its page in Prefect: a progress artifact, made and updated from a thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.objects import Artifact
from prefect.settings import get_current_settings
from prefect.settings.models.api import APISettings

from saga_core.reporting.markdown import escape
from saga_core.watching import Position, watching

_EVERY_SECONDS = 5.0
_TIMEOUT_SECONDS = 10.0


@contextmanager
def posting(task_run_id: str | None, flow_run_id: str | None, every: float = _EVERY_SECONDS) -> Iterator[None]:
    """Show the progress of the work in this block on the page of a task run.

    The runs are named and not taken from the context, so that a process that works for another's task run shows its
    progress there. Without a server of the user's own there is nobody to look, and nothing is posted.

    Args:
        task_run_id: Whose page it is.
        flow_run_id: The flow run that this task run belongs to.
        every: Seconds between two updates.
    """
    api = get_current_settings().api
    if not api.url:
        yield
        return
    poster = _Poster(api, {"task_run_id": task_run_id, "flow_run_id": flow_run_id})
    try:
        with watching(poster.post, every):
            yield
    finally:
        poster.close()


class _Poster:
    """Creates the artifact at the first position; only the watching thread calls it, with a client of its own."""

    def __init__(self, api: APISettings, runs: dict[str, Any]) -> None:
        self._api, self._runs = api, runs
        self._artifact: UUID | None = None
        self._closing = ExitStack()

    @cached_property
    def _client(self) -> SyncPrefectClient:
        auth, key = self._api.auth_string, self._api.key
        client = SyncPrefectClient(
            str(self._api.url),
            auth_string=auth.get_secret_value() if auth else None,
            api_key=key.get_secret_value() if key else None,
            httpx_settings={"timeout": _TIMEOUT_SECONDS},
        )
        return self._closing.enter_context(client)

    def close(self) -> None:
        """Close the client, if one was needed."""
        self._closing.close()

    def post(self, position: Position) -> None:
        """Create the artifact, or bring it up to date."""
        # Of an unknown total only the text can tell.
        percent = 100.0 * position.done / position.total if position.total else 0.0
        shown: dict[str, Any] = {"data": round(min(percent, 100.0), 1), "description": escape(str(position))}
        # Not by the client's own methods: they tell an event of each update, which nobody wants to read.
        if self._artifact is None:
            created = ArtifactCreate(type="progress", **shown, **self._runs)
            answer = self._client.request(
                "POST", "/artifacts/", json=created.model_dump(mode="json", exclude_unset=True)
            )
            self._artifact = Artifact.model_validate(answer.json()).id
        else:
            self._client.request("PATCH", "/artifacts/{id}", json=shown, path_params={"id": self._artifact})
