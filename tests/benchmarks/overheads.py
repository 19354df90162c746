"""What it costs that a server and pools are between a person and the work: ``make overheads``.

Prints medians and spreads; it fails for being wrong, not for being slow. Measured in one go on a server of its own: a
run with everything cached, pressed as in the user interface; one of ``saga run``; a GPU stage sent to the pool and the
same stage inline; generation by one worker of the pool and by two.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from uuid import UUID

import s3fs
from benchmarks import sending
from benchmarks.timeline import row, rows, timeline
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import FlowRun, TaskRun
from prefect.client.schemas.sorting import FlowRunSort

from deployments.local import requirements
from deployments.local.service import Supervisor
from deployments.local.workers import gpu_worker
from saga_core.errors import SagaError
from tasks.pipeline import STAGE_NAMES
from tests.deployments.server import ROOT, Server, temporary_server

_TIMES = 5
_DISPATCHES = 3
# Of runs, whose times are the server's own; asking it more often would take from the cores that are measured.
_POLL_SECONDS = 5.0
# Some five minutes of one core: 24 576 rows in shards of 256.
_GENERATION = (
    "corpus.sources.0.limit=400",
    "corpus.prompts=256",
    "generation.per_temperature=48",
    "generation.max_new_tokens=48",
    "runtime.shard_rows=256",
)


class Measuring:
    """Measures one server.

    Args:
        server: It, running.
        client: Of its API.
        folder: For what is written.
    """

    def __init__(self, server: Server, client: SyncPrefectClient, folder: Path) -> None:
        self._server, self._client, self._folder = server, client, folder

    def no_op(self) -> str:
        """Press the button when all is cached; return the lines that tell of it."""
        self._run(sending.small())
        ended = [self._run(sending.small()) for _ in range(_TIMES)]
        for run, made in sending.stages(self._client, [run.id for run in ended]).items():
            assert {task.state_name for task in made} <= {"Cached", "Skipped"}, run
        return rows([timeline(self._client, run).parts() for run in ended])

    def embedded(self) -> str:
        """Call ``saga run`` when all is cached in a folder."""
        store = self._folder / "store"
        environment = self._server.environment_of_client()
        files = s3fs.S3FileSystem(endpoint_url=environment["AWS_ENDPOINT_URL"])
        files.get(environment["SAGA_STORE"].removeprefix("s3://"), str(store), recursive=True)
        seconds = []
        for _ in range(_TIMES):
            begun = time.monotonic()
            said = self._saga("run", "demo", *_set(sending.small()), "--store", str(store))
            seconds.append(time.monotonic() - begun)
            assert "computed" not in said
        return row("saga run, everything cached in a folder", seconds)

    def dispatch(self) -> str:
        """Have one GPU stage made in the pool, and inline."""
        stage, parts, pool, inline = "sft", [], [], []
        for _ in range(_DISPATCHES):
            run = self._run(sending.small(), until=stage, refresh=(stage,))
            (child,) = sending.children(self._client, [run.id])
            parent, there = self._stage(run.id, stage), timeline(self._client, child)
            assert parent.start_time
            assert parent.end_time
            parts.append(
                {"looked up, sent": (there.created - parent.start_time).total_seconds()}
                | there.parts()
                | {"until the parent has noticed": (parent.end_time - there.ended).total_seconds()}
            )
            pool.append(_seconds(parent))
            address = self._server.environment_of_client()
            asked = ("run", "demo", *_set(sending.small()), "--until", stage, "--refresh", stage)
            self._saga(*asked, "--store", address["SAGA_STORE"])
            inline.append(_seconds(self._stage(self._newest_inline(), stage)))
        extra = [one - other for one, other in zip(pool, inline, strict=True)]
        first = [sum(list(each.values())[1:4]) for each in parts]
        return "\n".join(
            [
                rows(parts),
                row("sent → the first line of its work", first),
                row("the same stage inline", inline),
                row("extra", extra),
            ]
        )

    def two_workers(self) -> str:
        """Have the same generation made by one worker of the GPU pool, then by two."""
        overrides, until = [*sending.small(*_GENERATION), "sft.mode=skip"], "candidates"
        lines, stage, shares = [], [], []
        self._run(overrides, until="data")
        for count in (1, 2):
            with _another_worker(self._server) if count == 2 else nullcontext():
                run = self._run(overrides, until, refresh=(until,))
            sent = [run for run in sending.children(self._client, [run.id]) if run.name.startswith(until)]
            assert len(sent) == count, [each.name for each in sent]
            flows = [timeline(self._client, each).parts()["the flow"] for each in sent]
            stage.append(_seconds(self._stage(run.id, until)))
            shares.append(max(flows))
            workers = f"{count} worker{'s' if count > 1 else ''}"
            lines += [row(f"{workers}: a share", flows), row(f"{workers}: the stage", stage[-1:])]
        gains = f"the shares {shares[0] / shares[1]:.2f}, the stage {stage[0] / stage[1]:.2f}"
        return "\n".join([*lines, f"  two against one: {gains} times as fast"])

    def _run(self, overrides: list[str], until: str = STAGE_NAMES[-1], refresh: tuple[str, ...] = ()) -> FlowRun:
        id_ = sending.press(self._client, overrides, until, refresh)
        while True:
            run = sending.read(self._client, [id_])[id_]
            if run.state and run.state.is_final():
                assert run.state.is_completed(), run.state
                # Its last lines come to the server in batches.
                time.sleep(2)
                return run
            time.sleep(_POLL_SECONDS)

    def _stage(self, run: UUID, name: str) -> TaskRun:
        return next(task for task in sending.stages(self._client, [run])[run] if task.name == name)

    def _newest_inline(self) -> UUID:
        alone = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(is_null_=True))
        newest = FlowRunSort.EXPECTED_START_TIME_DESC
        return self._client.read_flow_runs(flow_run_filter=alone, sort=newest, limit=1)[0].id

    def _saga(self, *arguments: str) -> str:
        home = {"PREFECT_HOME": str(self._folder / "home"), "OMP_NUM_THREADS": "1", "SAGA_GPU": "inline"}
        environment = os.environ | self._server.environment_of_client() | home
        command = [sys.executable, "-m", "flows.command", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def _set(overrides: list[str]) -> list[str]:
    return [part for setting in overrides for part in ("--set", setting)]


def _seconds(task: TaskRun) -> float:
    assert task.start_time
    assert task.end_time
    return (task.end_time - task.start_time).total_seconds()


@contextmanager
def _another_worker(server: Server) -> Iterator[None]:
    """A second worker of the GPU pool."""
    service = gpu_worker(server.folder, server.settings, 2)
    supervisor = Supervisor(server.folder, server.settings.mark)
    supervisor.start(service)
    try:
        supervisor.wait(service)
        yield
    finally:
        supervisor.end([record for record in supervisor.records() if record.name == service.name])


def main() -> None:
    """Measure, and print the table."""
    try:
        requirements.check()
        with tempfile.TemporaryDirectory(prefix="saga-overheads-") as name, temporary_server() as server:
            # The worker that is started later finds here what the others do.
            os.environ |= {"SAGA_ALLOW_CPU": "1", "OMP_NUM_THREADS": "1"}
            started = server.command("start", SAGA_ALLOW_CPU="1")
            assert started.returncode == 0, started.stderr
            with sending.client_of(server) as client:
                measuring = Measuring(server, client, Path(name))
                parts: dict[str, Callable[[], str]] = {
                    "a run with everything cached, pressed in the user interface": measuring.no_op,
                    "the same without a server": measuring.embedded,
                    "a GPU stage in the pool": measuring.dispatch,
                    "generation shared by the workers of the pool": measuring.two_workers,
                }
                for title, measure in parts.items():
                    lines = measure()
                    print(f"\n{title}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n{lines}", flush=True)
    except SagaError as error:
        sys.exit(f"overheads: {error}")


if __name__ == "__main__":
    main()
