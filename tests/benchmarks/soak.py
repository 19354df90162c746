"""Hundreds of runs through one server: is any lost or done twice, and does anything grow? ``make soak``.

Runs that find all of it cached are pressed a dozen at a time, and small runs with a seed of their own, which compute
every stage, between them. Meanwhile memory, connections, open files and temporary files are looked at. At the end
every run has completed, once; every artifact of each is in the store and sound; no process and no temporary file is
left.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from uuid import UUID

from benchmarks import growth, sending
from benchmarks.growth import Sample
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.objects import StateType, TaskRun

from deployments.local import requirements
from saga_core.errors import SagaError
from saga_core.recipe_file import load_recipe
from tasks.opening import open_session
from tasks.pipeline import PIPELINE, STAGE_NAMES
from tasks.plan import make_plan
from tests.deployments.server import ROOT, Server, temporary_server

# Runs that are queued at once, and those of them that the worker may take, as many as it has places.
_QUEUED, _AT_ONCE = 12, 4
_EVERY = 50
_LOOK_SECONDS = 5.0
_POLL_SECONDS = 1.0
# The server writes the states of tasks from a queue, which a busy machine empties after their run has ended.
_WRITTEN_SECONDS = 60.0


class BrokenPromiseError(Exception):
    """Something was lost, done twice, left behind, or has grown."""


class Soak:
    """A soak of one server.

    Args:
        server: It, running.
        client: Of its API.
        temporary: The temporary folder of its workers.
    """

    def __init__(self, server: Server, client: SyncPrefectClient, temporary: Path) -> None:
        self._server, self._client, self._temporary = server, client, temporary
        self.sent: dict[UUID, int] = {}
        self.full: list[UUID] = []
        self.samples: list[Sample] = []

    def warm(self) -> None:
        """Make what the others find, and let as many of them run at once as there are places."""
        deployment = self._client.read_deployment_by_name("align/demo")
        self._client.update_deployment(deployment.id, DeploymentUpdate(concurrency_limit=_AT_ONCE))
        queue = self._client.read_work_queue_by_name("nb", work_pool_name="saga-cpu")
        self._client.update_work_queue(queue.id, concurrency_limit=_AT_ONCE)
        self._drain([], [self._press(0, full=True)])
        self.samples.clear()

    def run(self, no_ops: int, full: int) -> None:
        """Send so many of both kinds, full ones evenly between the others, and wait for all."""
        plan = [0] * no_ops
        for seed in range(full, 0, -1):
            plan.insert((seed - 1) * no_ops // full, seed)
        self._drain(plan, [])

    def _drain(self, plan: list[int], waiting: list[UUID]) -> None:
        ended, looked = 0, 0.0
        while plan or waiting:
            while plan and len(waiting) < _QUEUED:
                waiting.append(self._press(plan[0], full=plan[0] > 0))
                del plan[0]
            now = sending.read(self._client, waiting)
            done = [id_ for id_, run in now.items() if run.state and run.state.is_final()]
            waiting = [id_ for id_ in waiting if id_ not in done]
            ended += len(done)
            if time.monotonic() - looked > _LOOK_SECONDS:
                looked = time.monotonic()
                self.samples.append(growth.look(self._server, self._temporary, ended))
            time.sleep(_POLL_SECONDS)

    def _press(self, seed: int, *, full: bool) -> UUID:
        id_ = sending.press(self._client, sending.small(f"seed={seed}"))
        self.sent[id_] = seed
        if full:
            self.full.append(id_)
        return id_

    def check(self, before: Sample) -> list[str]:
        """Return what is wrong; nothing when all is well.

        Args:
            before: What was held when nothing ran.
        """
        ids = list(self.sent)
        runs, made = sending.read(self._client, ids), self._stages(ids)
        sent = sending.children(self._client, self.full)
        # Prefect keeps a task run for each run that another one sends.
        senders = {run.parent_task_run_id for run in sent}
        wrong = [f"{len(ids) - len(runs)} runs are not known to the server"] if len(runs) < len(ids) else []
        for id_, run in runs.items():
            if run.state is None or run.state.type is not StateType.COMPLETED or run.run_count != 1:
                wrong.append(f"run {run.name} was begun {run.run_count} times and is {run.state_name}")
            names = Counter(task.name for task in made[id_] if task.id not in senders)
            states = {task.state_name for task in made[id_]}
            if names != Counter(STAGE_NAMES):
                wrong.append(f"run {run.name} has other stages than the pipeline, or one twice: {dict(names)}")
            if id_ not in self.full and not states <= {"Cached", "Skipped"}:
                wrong.append(f"run {run.name} had nothing to do and has stages that are {', '.join(map(str, states))}")
        sent = sending.children(self._client, self.full)
        wrong += [
            f"run {run.name} is {run.state_name}" for run in sent if run.state_name not in ("Completed", "Cached")
        ]
        twice = [
            name for name, count in Counter(r.name for r in sent if _of_a_whole_stage(r.name)).items() if count > 1
        ]
        wrong += [f"{name} was sent twice" for name in twice]
        if stray := sending.children(self._client, [id_ for id_ in ids if id_ not in self.full]):
            wrong.append(f"runs with nothing to do sent {len(stray)} others")
        for seed in sorted(set(self.sent.values())):
            wrong += self._missing(seed)
        return wrong + self._left(before) + growth.grown(self.samples)

    def _stages(self, ids: list[UUID]) -> dict[UUID, list[TaskRun]]:
        """Return the task runs of ended runs, once all are written or have had the time to be."""
        until = time.monotonic() + _WRITTEN_SECONDS
        while True:
            made = sending.stages(self._client, ids)
            written = all(
                set(STAGE_NAMES) <= {task.name for task in tasks if task.state and task.state.is_final()}
                for tasks in made.values()
            )
            if written or time.monotonic() > until:
                return made
            time.sleep(_POLL_SECONDS)

    def _missing(self, seed: int) -> list[str]:
        store = self._server.environment_of_client()["SAGA_STORE"]
        plan = make_plan(open_session(load_recipe("demo", sending.small(f"seed={seed}")), store), PIPELINE)
        return [
            f"seed {seed}: {each.stage} is not in the store" for each in plan if each.state not in ("cached", "skip")
        ]

    def _left(self, before: Sample) -> list[str]:
        after = growth.idle(self._server, self._temporary, len(self.sent))
        found = [f"{after.runs} processes of runs are left"] if after.runs else []
        if more := set(after.temporary) - set(before.temporary):
            found.append(f"temporary files are left: {', '.join(sorted(more)[:5])}")
        if after.files > before.files + _QUEUED:
            found.append(f"open files grew from {before.files} to {after.files}")
        print(
            f"idle before and after: open files {before.files}, {after.files}; connections to the database "
            f"{before.connections}, {after.connections}; temporary {len(before.temporary)}, {len(after.temporary)}"
        )
        return found


def _of_a_whole_stage(name: str) -> bool:
    # "dpo of RUN"; of shards, "candidates 1 of 2".
    return name.split(" ")[1] == "of"


def soak(no_ops: int, full: int) -> None:
    """Send so many runs, print what was held, and check.

    Raises:
        BrokenPromiseError: Something was lost, done twice, left behind, or has grown.
    """
    with tempfile.TemporaryDirectory(prefix="saga-soak-") as name, temporary_server() as server:
        # Come through to by PostgreSQL's user; for these processes alone, so that what others leave is not counted.
        Path(name).chmod(0o711)
        temporary = Path(name) / "tmp"
        temporary.mkdir()
        temporary.chmod(0o1777)
        variables = {"SAGA_ALLOW_CPU": "1", "TMPDIR": str(temporary), "XDG_CACHE_HOME": f"{name}/cache"}
        started = server.command("start", **variables)
        if started.returncode:
            raise BrokenPromiseError(started.stderr)
        with sending.client_of(server) as client:
            soaking = Soak(server, client, temporary)
            soaking.warm()
            before = growth.idle(server, temporary, 0)
            begun = time.monotonic()
            soaking.run(no_ops, full)
            seconds = time.monotonic() - begun
            wrong = soaking.check(before)
            print(
                f"{no_ops} runs with nothing to do and {full} small full ones in {seconds:.0f} s, {_AT_ONCE} at once\n"
            )
            print(growth.table(soaking.samples, _EVERY))
            grew = soaking.samples[-1].database - before.database
            print(f"\nthe database grew by {1000 * grew / (no_ops + full):.0f} kB a run; its largest tables:")
            for table, size in growth.tables_of(server).items():
                print(f"  {table:24s} {size / 1e6:6.1f} MB")
            wrong += _verify(server)
    if wrong:
        raise BrokenPromiseError("\n  ".join([f"{len(wrong)} promises are broken:", *wrong]))
    print("every run completed, once; every artifact is there and sound; nothing was left, nothing grew")


def _verify(server: Server) -> list[str]:
    """Hash again all that is stored, with the command."""
    command = [sys.executable, "-m", "flows.command", "verify", "--store", server.environment_of_client()["SAGA_STORE"]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print(f"saga verify: {done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr.strip()}")
    return [f"saga verify: {line}" for line in done.stdout.splitlines()] if done.returncode else []


def main() -> None:
    """Soak, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-ops", type=int, default=200)
    parser.add_argument("--full", type=int, default=20)
    chosen = parser.parse_args()
    try:
        requirements.check()
        soak(chosen.no_ops, chosen.full)
    except (BrokenPromiseError, SagaError) as error:
        sys.exit(f"soak: {error}")


if __name__ == "__main__":
    main()
