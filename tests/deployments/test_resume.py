"""A run that was killed, cancelled or left alone by its server goes on from what is stored, and redoes nothing else."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from e2e_command import SMALL
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.deployments import run_deployment
from prefect.states import Cancelled, Cancelling

from deployments.local.processes import Process, end, family, identify
from saga_core.artifacts.store import Store
from tests.deployments.server import ROOT, Server

pytestmark = pytest.mark.slow

# A generation long enough to be hit, in shards small enough to have some before.
GENERATION = ("corpus.prompts=48", "generation.per_temperature=4", "runtime.shard_rows=24", "sft.mode=skip")
SHARDS = 16

_left: set[str] = set()


@pytest.fixture
def store(server: Server, client: SyncPrefectClient, monkeypatch: pytest.MonkeyPatch) -> Store:
    for name, value in server.environment_of_client().items():
        if name.startswith(("AWS_", "SAGA_")):
            monkeypatch.setenv(name, value)
    return Store(server.environment_of_client()["SAGA_STORE"])


@pytest.fixture(autouse=True)
def whole(server: Server, client: SyncPrefectClient, store: Store) -> Iterator[None]:
    """Whatever a test ended of the server runs again after it, and nothing of it waits in a queue."""
    _left.update(pieces(store))
    yield
    for run in client.read_flow_runs():
        if run.state is not None and not run.state.is_final() and run.deployment_id and run.state.name != "Scheduled":
            client.set_flow_run_state(run.id, Cancelled(), force=True)
    assert server.command("start", SAGA_ALLOW_CPU="1").returncode == 0


def begin(tokens: int, until_stage: str = "scores", refresh: tuple[str, ...] = ()) -> UUID:
    """Start a run whose generation nobody has begun: each test has a length of its own."""
    settings = [s for s in SMALL if not s.startswith(("corpus.prompts", "generation.", "sft."))]
    overrides = [*settings, *GENERATION, f"generation.max_new_tokens={tokens}"]
    parameters = {"overrides": overrides, "until": until_stage, "refresh": refresh}
    run = run_deployment("align/demo", parameters=parameters, timeout=0)
    assert isinstance(run, FlowRun)
    return run.id


def wait(condition: Callable[[], bool], seconds: float = 600) -> float:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, f"not within {seconds} s"
        time.sleep(0.1)
    return time.monotonic() - begun


def state(client: SyncPrefectClient, run: UUID) -> str:
    found = client.read_flow_run(run).state
    assert found is not None
    return found.name or ""


def children(client: SyncPrefectClient, run: UUID) -> list[FlowRun]:
    inside = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[run]))
    return sorted(
        client.read_flow_runs(flow_run_filter=inside), key=lambda child: child.created or child.expected_start_time
    )


def ended(client: SyncPrefectClient, run: UUID) -> bool:
    """What was begun for a run has ended; what no worker had begun waits, and will find that nobody needs it."""
    begun = [child for child in children(client, run) if child.start_time is not None]
    return all(child.state is not None and child.state.is_final() for child in begun)


def pieces(store: Store) -> set[str]:
    """The complete shards that are kept now, each named by its last file; not those that an earlier test has left."""
    files = (entry.path for entry in store.storage.files("candidates"))
    return {path for path in files if re.search(r"/partial/[^/]+\.json$", path)} - _left


def attempts(store: Store) -> dict[str, str]:
    """Who made what is finished."""
    return {f"{stage}/{r.key}": r.attempt for stage in ("data", "probe", "candidates") for r in store.records(stage)}


def in_mid_generation(client: SyncPrefectClient, store: Store, run: UUID) -> set[str]:
    wait(lambda: len(pieces(store)) >= 2 or state(client, run) in ("Failed", "Crashed", "Completed"))
    found = pieces(store)
    assert 2 <= len(found) < SHARDS, state(client, run)
    return found


def runs_of(server: Server, name: str) -> set[Process]:
    worker = server.records()[name].process
    return family(worker) - {worker}


def retry(server: Server, run: UUID) -> None:
    """As a person does in a shell that talks to the server."""
    environment = os.environ | server.environment_of_client() | {"PREFECT_HOME": str(server.folder.path / "client")}
    command = [sys.executable, "-m", "prefect", "--no-prompt", "flow-run", "retry", str(run)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def check_resumed(client: SyncPrefectClient, store: Store, run: UUID, before: dict[str, str], kept: set[str]) -> None:
    """The run ends well, what was finished is untouched, and no shard that was kept was made again."""
    wait(lambda: state(client, run) == "Completed" or state(client, run) in ("Failed", "Invalid input"))
    assert state(client, run) == "Completed", client.read_flow_run(run).state
    assert before.items() <= attempts(store).items()
    parts = [child.state for child in children(client, run) if child.name.startswith("candidates")]
    made = [int((part.message or "").split(" ")[0]) for part in parts if part is not None and part.is_completed()]
    assert sum(made) <= SHARDS - len(kept)


def test_what_is_cached_wakes_nobody(server: Server, client: SyncPrefectClient, store: Store) -> None:
    first = begin(8, "probe")
    wait(lambda: client.read_flow_run(first).state.is_final())  # type: ignore[union-attr]
    assert state(client, first) == "Completed"
    assert [child.name for child in children(client, first)] == ["probe 1 of 1"]
    again = begin(8, "probe")
    wait(lambda: client.read_flow_run(again).state.is_final())  # type: ignore[union-attr]
    run = client.read_flow_run(again)
    assert state(client, again) == "Completed"
    assert children(client, again) == []
    print(f"a run with nothing to do took {run.total_run_time.total_seconds():.1f} s")


def test_two_workers_share_the_shards(server: Server, client: SyncPrefectClient, store: Store) -> None:
    records = server.records()
    command = list(Path(f"/proc/{records['saga-gpu-1'].process.pid}/cmdline").read_bytes().decode().split("\0"))[:-1]
    environment = Path(f"/proc/{records['saga-gpu-1'].process.pid}/environ").read_bytes().decode().split("\0")
    second = [part.replace("saga-gpu-1", "saga-gpu-2") for part in command]
    assert second != command
    worker = subprocess.Popen(second, env=dict(line.split("=", 1) for line in environment if line), cwd=ROOT)
    try:
        wait(lambda: len(client.read_workers_for_work_pool("saga-gpu")) == 2, 60)
        run = begin(44)
        wait(lambda: client.read_flow_run(run).state.is_final())  # type: ignore[union-attr]
        assert state(client, run) == "Completed"
    finally:
        leader = identify(worker.pid)
        end(family(leader) if leader else (), 0)
        worker.wait(10)
        # Else the server takes it for online for some time, and later runs would send it shares.
        client.request("DELETE", "/work_pools/{name}/workers/saga-gpu-2", path_params={"name": "saga-gpu"})
    parts = {child.name: child.state.message for child in children(client, run) if child.state is not None}
    half = f"{SHARDS // 2} of {SHARDS // 2} shards made here"
    assert {name: message for name, message in parts.items() if name.startswith("candidates")} == {
        "candidates 1 of 2": half,
        "candidates 2 of 2": half,
    }


def test_a_killed_process_and_the_command_that_retries(server: Server, client: SyncPrefectClient, store: Store) -> None:
    # What was asked to be made anew has been, and is not made a third time.
    run = begin(40, refresh=("data",))
    in_mid_generation(client, store, run)
    before = attempts(store)
    for process in runs_of(server, "saga-gpu-1"):
        process.send(signal.SIGKILL)
    seconds = wait(lambda: state(client, run) == "Failed", 180)
    kept = pieces(store)
    message = client.read_flow_run(run).state.message  # type: ignore[union-attr]
    assert message is not None
    assert "candidates" in message
    print(f"the stage's process killed: the run failed {seconds:.0f} s later: {message}")
    retry(server, run)
    check_resumed(client, store, run, before, kept)


def test_worker_and_process_killed_and_a_fresh_run(server: Server, client: SyncPrefectClient, store: Store) -> None:
    run = begin(41)
    in_mid_generation(client, store, run)
    before = attempts(store)
    for name in ("saga-gpu-1", "saga-cpu-1"):
        for process in family(server.records()[name].process):
            process.send(signal.SIGKILL)
    kept = pieces(store)
    seconds = wait(lambda: state(client, run) == "Crashed" and ended(client, run), 180)
    print(f"workers and processes killed: run and stage marked crashed {seconds:.0f} s later")
    assert server.command("start", SAGA_ALLOW_CPU="1").returncode == 0
    again = begin(41)
    check_resumed(client, store, again, before, kept)


def test_the_server_is_away_for_a_minute(server: Server, client: SyncPrefectClient, store: Store) -> None:
    run = begin(42)
    in_mid_generation(client, store, run)
    before = attempts(store)
    for process in family(server.records()["api"].process):
        process.send(signal.SIGKILL)
    time.sleep(60)
    assert server.command("start", SAGA_ALLOW_CPU="1").returncode == 0
    wait(lambda: client.read_flow_run(run).state.is_final())  # type: ignore[union-attr]
    if state(client, run) != "Completed":
        retry(server, run)
    check_resumed(client, store, run, before, set())


def test_a_cancelled_run_leaves_no_process(server: Server, client: SyncPrefectClient, store: Store) -> None:
    run = begin(43)
    in_mid_generation(client, store, run)
    before = attempts(store)
    # What the button in the UI does.
    client.set_flow_run_state(run, Cancelling())
    seconds = wait(lambda: not (runs_of(server, "saga-cpu-1") | runs_of(server, "saga-gpu-1")), 120)
    kept = pieces(store)
    wait(lambda: state(client, run) == "Cancelled" and ended(client, run), 60)
    print(f"cancelled: no process left {seconds:.0f} s later")
    again = begin(43)
    check_resumed(client, store, again, before, kept)


@pytest.mark.parametrize(("who", "tokens"), [("the run", 45), ("its stage", 46)])
def test_what_is_cancelled_before_it_begins_never_does(
    server: Server, client: SyncPrefectClient, store: Store, who: str, tokens: int
) -> None:
    run = begin(tokens)
    if who == "its stage":
        wait(lambda: any(child.name.startswith("candidates") for child in children(client, run)))
    starting = [run] if who == "the run" else [children(client, run)[-1].id]
    wait(lambda: client.read_flow_run(starting[0]).state.is_pending(), 60)  # type: ignore[union-attr]
    before = pieces(store)
    client.set_flow_run_state(run, Cancelling())
    seconds = wait(lambda: state(client, run) == state(client, starting[0]) == "Cancelled", 150)
    print(f"{who} cancelled before it began: ended {seconds:.0f} s later")
    wait(lambda: not (runs_of(server, "saga-cpu-1") | runs_of(server, "saga-gpu-1")), 60)
    assert "Running" not in {each.name for each in client.read_flow_run_states(starting[0])}
    assert pieces(store) == before
