"""Where the time of a run in a pool goes: from the states and the log that the server keeps of it."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import LogSort

# What a run's process says first, when Prefect is imported and the run is known.
_FIRST_LINE = "Running 1 deployment pull step(s)"


@dataclass(frozen=True)
class Timeline:
    """The moments of one run.

    Attributes:
        created: The server had it.
        taken: A worker took it.
        first_line: Its process had Prefect imported.
        begun: The flow's own code was imported, and began.
        ended: It ended.
    """

    created: datetime
    taken: datetime
    first_line: datetime
    begun: datetime
    ended: datetime

    def parts(self) -> dict[str, float]:
        """Return the seconds between them, in order."""
        moments = (self.created, self.taken, self.first_line, self.begun, self.ended)
        names = ("until a worker takes it", "process, import of Prefect", "import of the flow", "the flow")
        seconds = [(after - before).total_seconds() for before, after in pairwise(moments)]
        return dict(zip(names, seconds, strict=True))


def timeline(client: SyncPrefectClient, run: FlowRun) -> Timeline:
    """Return the moments of a run that has completed."""
    states = {state.name: state.timestamp for state in client.read_flow_run_states(run.id)}
    assert run.state
    assert run.state.is_completed(), run.state
    assert run.created
    return Timeline(run.created, states["Pending"], _said(client, run.id), states["Running"], run.state.timestamp)


def _said(client: SyncPrefectClient, run: UUID) -> datetime:
    wanted = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run]))
    lines = client.read_logs(wanted, limit=200, sort=LogSort.TIMESTAMP_ASC)
    return next(line.timestamp for line in lines if line.message == _FIRST_LINE)


def row(name: str, seconds: Sequence[float]) -> str:
    """Return a line of the table: median and spread."""
    return f"  {name:44s} {statistics.median(seconds):6.2f} s   {min(seconds):6.2f} – {max(seconds):.2f}"


def rows(parts: Sequence[dict[str, float]]) -> str:
    """Return a line for each part and for all of it."""
    lines = [row(name, [each[name] for each in parts]) for name in parts[0]]
    return "\n".join([*lines, row("all of it", [sum(each.values()) for each in parts])])
