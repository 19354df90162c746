"""Scoring and generation on a Ray cluster of two nodes, with a worker each, beside a real Prefect server."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from e2e_command import ROOT, SMALL, Done, command, environment

pytestmark = pytest.mark.slow
RUN = ("run", "demo", *(part for setting in (*SMALL, "sft.mode=skip", "generation.per_temperature=4",
       "runtime.shard_rows=8") for part in ("--set", setting)), "--until", "scores", "--json")  # fmt: skip
SPREAD = ("candidates", "scores")
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[dict[str, str]]:
    """Two nodes; yields the variables that lead to them."""
    from ray.cluster_utils import Cluster

    cluster, tries = Cluster(), 6
    try:
        while len(cluster.list_all_nodes()) < 2 and (tries := tries - 1):
            # Ray gives a node half a minute to start, which is short on a busy machine.
            with contextlib.suppress(Exception):
                cluster.add_node(num_cpus=1, object_store_memory=80 * 2**20, include_dashboard=False)
        assert tries, "Ray does not start"
        yield {"SAGA_RAY": "auto", "RAY_ADDRESS": cluster.address}
    finally:
        folders = {node.get_session_dir_path() for node in cluster.list_all_nodes()}
        cluster.shutdown()
        for folder in folders:
            shutil.rmtree(folder)


@pytest.fixture(scope="module")
def start(server: tuple[str, Path], ray_cluster: dict[str, str]) -> Iterator[Start]:
    """Start the run on the cluster, or by other variables; none is left behind."""
    started = []

    def start_(store: Path, **variables: str) -> subprocess.Popen[str]:
        chosen = variables or {"PREFECT_API_URL": server[0], **ray_cluster}
        started.append(
            subprocess.Popen(
                command(*RUN, "--store", str(store)),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                env=environment(server[1]) | chosen,
            )
        )
        return started[-1]

    yield start_
    for process in started:
        process.kill()
        process.wait()


def ended(process: subprocess.Popen[str]) -> Done:
    out, err = process.communicate(timeout=600)
    return Done(process.returncode, out, err)


def digests(done: Done) -> dict[str, str]:
    assert done.code == 0, done.err
    return {row["stage"]: row["digest"] for row in done.report["stages"] if row["stage"] in SPREAD}


def workers() -> list[psutil.Process]:
    """The processes of Ray that are at work on candidates."""
    found = psutil.process_iter(["cmdline"])
    return [process for process in found if (process.info["cmdline"] or [""])[0].startswith("ray::candidates")]


def at_work(process: subprocess.Popen[str], store: Path) -> list[psutil.Process]:
    """Wait until both workers are at work, and a shard is kept."""
    deadline = time.monotonic() + 300
    while not (len(found := workers()) == 2 and list((store / "candidates").rglob("rows.parquet"))):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def here(start: Start, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """All made in one process: the store, and the digests."""
    store = tmp_path_factory.mktemp("here")
    return store, digests(ended(start(store, SAGA_RAY="")))


@pytest.fixture
def store(here: tuple[Path, dict[str, str]], tmp_path: Path) -> Path:
    """A store with what comes before the stages that are spread."""
    shutil.copytree(here[0], tmp_path / "store", ignore=shutil.ignore_patterns(*SPREAD, "runs"))
    return tmp_path / "store"


def test_workers_on_two_nodes_make_the_same_artifacts(
    start: Start, here: tuple[Path, dict[str, str]], store: Path, server: tuple[str, Path]
) -> None:
    assert digests(ended(start(store))) == here[1]
    # Logs reach the server a moment after a task has ended.
    time.sleep(5)
    rows = httpx.post(f"{server[0]}/logs/filter", json={"sort": "TIMESTAMP_DESC"}, timeout=30).json()
    told = [re.fullmatch(r"(\w+): \d+ of \d+ shards made here, by process (\d+) of Ray's node (\w+)", row["message"])
            for row in rows]  # fmt: skip
    made = [match.groups() for match in told if match]
    ran = httpx.post(f"{server[0]}/task_runs/filter", json={}, timeout=30).json()
    states = {row["name"]: row["state_name"] for row in ran if " of " in row["name"]}
    assert states == {f"{stage} {number} of 2": "Completed" for stage in SPREAD for number in (1, 2)}
    for stage in SPREAD:
        assert len({process for name, process, _ in made if name == stage}) == 2
        assert len({node for name, _, node in made if name == stage}) == 2


def test_a_killed_worker_is_one_line_and_the_same_command_goes_on(
    start: Start, here: tuple[Path, dict[str, str]], store: Path
) -> None:
    process = start(store)
    at_work(process, store)[0].kill()
    failed = ended(process)
    assert failed.code == 1
    line, kept, resume = failed.err.splitlines()[-3:]
    assert re.match(r"saga: candidates: its run candidates \d of 2 ended as Crashed: .*; run again to go on", line)
    assert re.search(r"; of candidates .*candidates-\d+-\d+", kept)
    assert resume.startswith("  resume: saga run demo --set ")
    assert not workers()
    again = ended(start(store))
    assert digests(again) == here[1]
    assert re.search(r"  candidates: \d+ of 192 were kept, going on from there", again.err)


def test_an_interrupted_run_leaves_no_task_on_ray_and_another_goes_on(
    start: Start, here: tuple[Path, dict[str, str]], store: Path
) -> None:
    process = start(store)
    at_work(process, store)
    process.send_signal(signal.SIGTERM)
    done = ended(process)
    assert done.code == 1
    assert done.err.splitlines()[-3] == "saga: candidates: interrupted"
    assert not workers()
    # On a Ray of its own, with the temporary server.
    assert digests(ended(start(store, SAGA_RAY="local"))) == here[1]


def test_a_ray_of_its_own_refuses_who_has_no_token() -> None:
    code = """
import os, subprocess, sys
from tasks.ray_cluster import connected
with connected():
    import ray
    others = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")}
    join = f"import ray; ray.init({ray.get_runtime_context().gcs_address!r}); print('joined')"
    for environment in (others, os.environ):
        done = subprocess.run([sys.executable, "-c", join], env=environment, capture_output=True, text=True)
        print("joined" in done.stdout, "AuthenticationError" in done.stderr)
"""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT,
                          env=variables | {"SAGA_RAY": "local"})  # fmt: skip
    assert done.stdout.splitlines() == ["False True", "True False"], done.stderr
