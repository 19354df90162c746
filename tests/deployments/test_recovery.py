"""A run whose worker and process were killed is marked crashed, told to the webhook, and gives its place to another."""

import json
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.deployments import run_deployment
from prefect.states import Cancelled

from deployments.local.processes import end, family
from tests.deployments.server import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def hook() -> Iterator[tuple[str, "queue.Queue[dict[str, Any]]"]]:
    """A webhook's URL, and what is sent to it."""
    received: queue.Queue[dict[str, Any]] = queue.Queue()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/json"
            received.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hook) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listener.server_port}/hook", received
        listener.shutdown()


def state_of(client: SyncPrefectClient, run: UUID) -> tuple[str, str]:
    state = client.read_flow_run(run).state
    assert state
    return state.name or "", state.message or ""


def until(condition: Callable[[], bool], seconds: float, every: float = 0.5) -> float:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, f"not within {seconds} s"
        time.sleep(every)
    return time.monotonic() - begun


def start_run(recipe: str) -> UUID:
    run = run_deployment("align/demo", parameters={"recipe": recipe, "store": "s3://saga"}, timeout=0)
    return UUID(str(run.id))  # type: ignore[union-attr]


def test_worker_and_process_killed(
    server: Server, client: SyncPrefectClient, hook: tuple[str, "queue.Queue[dict[str, Any]]"]
) -> None:
    url, received = hook
    assert server.command("start", SAGA_ALLOW_CPU="1", SAGA_NOTIFY_URL=url).returncode == 0
    first, second = start_run("demo"), start_run("demo")
    until(lambda: state_of(client, first)[0] == "Running", 60)
    # One heartbeat must have been seen; the first comes at once.
    time.sleep(5)
    worker = server.records()["saga-cpu-1"].process
    runs = family(worker) - {worker}
    assert runs
    for process in {worker} | runs:
        process.send(signal.SIGKILL)
    assert not end({worker} | runs, 5)
    waited = until(lambda: state_of(client, first)[0] != "Running", 180)
    name, message = state_of(client, first)
    print(f"marked crashed {waited:.0f} s after the kill")
    assert (name, message[:23]) == ("Crashed", "No heartbeat for 90 s: ")
    told = received.get(timeout=30)
    assert (told["flow"], told["deployment"], told["state"]) == ("align", "demo", "Crashed")
    assert told["url"].endswith(f"/{first}")
    # The place in the language's queue is free: as soon as there is a worker the next run has it.
    assert state_of(client, second)[0] in ("Late", "Scheduled")
    assert server.command("start", SAGA_ALLOW_CPU="1").returncode == 0
    until(lambda: state_of(client, second)[0] == "Running", 60)
    client.set_flow_run_state(second, Cancelled(), force=True)


def test_worker_and_process_killed_before_the_run_has_begun(server: Server, client: SyncPrefectClient) -> None:
    assert server.command("start", SAGA_ALLOW_CPU="1").returncode == 0
    run = start_run("demo")
    until(lambda: state_of(client, run)[0] in ("Pending", "Submitting", "InfrastructurePending"), 60, 0.05)
    for process in family(server.records()["saga-cpu-1"].process):
        process.send(signal.SIGKILL)
    waited = until(lambda: state_of(client, run)[0] == "Crashed", 180)
    print(f"marked crashed {waited:.0f} s after the kill")
    assert state_of(client, run)[1].startswith("Not begun 120 s after a worker took it")


def test_a_run_that_fails_is_told_once(
    server: Server, client: SyncPrefectClient, hook: tuple[str, "queue.Queue[dict[str, Any]]"]
) -> None:
    url, received = hook
    assert server.command("start", SAGA_ALLOW_CPU="1", SAGA_NOTIFY_URL=url).returncode == 0
    run = start_run('no"such')
    deadline = time.monotonic() + 90
    # What the test before has left in the queue may end, and be told, at any time.
    told = of_run(run, received, deadline)
    assert told is not None
    assert (told["flow"], told["run"]) == ("align", 'align-no"such')
    assert of_run(run, received, time.monotonic() + 5) is None


def of_run(run: UUID, received: "queue.Queue[dict[str, Any]]", deadline: float) -> dict[str, Any] | None:
    """The next that is told of a run, or None when it is too late."""
    while (left := deadline - time.monotonic()) > 0:
        try:
            told = received.get(timeout=left)
        except queue.Empty:
            break
        if told["url"].endswith(f"/{run}"):
            return told
    return None
