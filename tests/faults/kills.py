"""Kill the machine at random points of a run, go on with another one that has nothing but the store: ``make faults``.

A run without a kill comes first. Then a chain of machines makes the same artifacts in another part of the bucket: each
is killed in the stage whose turn it is, at a random moment of it, after a random number of its steps or rows, or in the
middle of a random upload, and the next goes on. After every kill the store is read: whatever has a record is whole, and
no record of before was touched. At the end every digest must be that of the run without a kill.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from faults.machine import Machine, is_apart
from servers import ports
from servers.ceph import Ceph
from servers.exchanges import Exchange
from servers.proxy import FaultProxy

from saga_core.artifacts.record import Record
from saga_core.artifacts.store import Store
from tasks.pipeline import PIPELINE

_SHARD_ROWS = 16
_CHECKPOINT_STEPS = 3
_BUCKET = "faults"
# As many as there are cores on a small machine; each is a process of one thread.
_CHAINS = 2

# Small in every dimension, but each stage of several shards or checkpoints.
_SETTINGS = (
    "corpus.sources.0.limit=40",
    "corpus.prompts=24",
    "corpus.train_sentences=40",
    "corpus.heldout_prompts=40",
    "corpus.heldout_documents=6",
    "probe.max_new_tokens=24",
    "generation.max_new_tokens=24",
    "generation.per_temperature=2",
    "sft.epochs=3",
    "sft.batch_size=4",
    "dpo.epochs=5",
    "dpo.batch_size=4",
    "dpo.min_pairs=4",
    "evaluation.sampling.max_new_tokens=24",
    "evaluation.scala.sentences=40",
    "evaluation.summaries.items=3",
    "evaluation.summaries.max_new_tokens=24",
    "evaluation.reading.items=4",
    "evaluation.reading.max_new_tokens=12",
    "evaluation.bootstrap=200",
    f"runtime.shard_rows={_SHARD_ROWS}",
    f"runtime.checkpoint_steps={_CHECKPOINT_STEPS}",
)
# The demo names a parser, so no judge is trained.
_STAGES = tuple(stage.name for stage in PIPELINE if stage.name != "judge")
# In the middle of an upload these show the most: many pieces, or large files.
_UPLOADERS = ("sft", "candidates", "scores", "dpo", "evaluate", "publish")
# Stages of seconds and what they call their work: it begins again.
_BRIEF_STAGES = ("judge_check", "evaluate_human", "panel")
_BRIEF = ("judging", "human text")
_TRAININGS = {"sft": "KL-SFT", "dpo": "DPO"}


@dataclass
class Kill:
    """One kill.

    Attributes:
        stage: The stage that was under way.
        how: ``moment``, ``work`` or ``upload``.
        after: Seconds of the stage until then.
    """

    stage: str
    how: str
    after: float


# The stage, and the name that the progress display gives to a part of its work.
Work = tuple[str, str]


class BrokenPromiseError(Exception):
    """A promise was broken."""


@dataclass
class Whole:
    """The run without a kill, by stage.

    Attributes:
        digests: What came out.
        seconds: How long it took.
        work: How many steps or rows of what it did.
    """

    digests: dict[str, str]
    seconds: dict[str, float]
    work: dict[str, dict[str, int]]


class Chain:
    """Machines that go on with one store, each until it is killed.

    Args:
        proxy: Between them and the S3 server.
        environment: What leads a machine to the services.
        folder: For the machines' disks.
        name: Of the store, in the bucket.
        seed: Of chance.
    """

    def __init__(self, proxy: FaultProxy, environment: dict[str, str], folder: Path, name: str, seed: int) -> None:
        self._proxy, self._environment, self._folder, self._name = proxy, environment, folder, name
        self._chance = random.Random(seed)
        self._machines = 0
        self._stores: dict[str, Store] = {}
        self.kills: list[Kill] = []
        self.lost: dict[Work, int] = {}

    def reference(self) -> Whole:
        """Run without a kill."""
        code, machine = self._run(f"s3://{_BUCKET}/whole")
        if code != 0:
            raise BrokenPromiseError(f"the run without a kill failed:\n{machine.log.read_text()[-2000:]}")
        records = self._records(f"s3://{_BUCKET}/whole")
        return Whole(
            {name: record.digest for name, record in records.items()},
            {name: record.seconds for name, record in records.items()},
            machine.life.counts(),
        )

    def run(self, targets: list[tuple[str, str]], whole: Whole) -> dict[str, str]:
        """Kill a machine for each target, let the last one finish, and return the digests of every stage."""
        store, before = f"s3://{_BUCKET}/{self._name}", Left({}, {})
        for stage, how in targets:
            before = self._kill_in(store, stage, how, whole, before)
        code, machine = self._run(store)
        if code != 0:
            raise BrokenPromiseError(f"the last machine failed:\n{machine.log.read_text()[-2000:]}")
        self._account(before, machine, self._attempts(store))
        return {name: record.digest for name, record in self._records(store).items()}

    def _kill_in(self, store: str, stage: str, how: str, whole: Whole, before: "Left") -> "Left":
        machine = self._start(store)
        if how == "upload":
            nth = self._chance.randint(1, 6)
            self._proxy.at_half(machine.cut, nth, lambda e: machine.running and _is_upload(e, self._name, stage))
        if machine.wait_for(stage, timeout=300):
            began = time.monotonic()
            # The next machine has less to do than the first had: rather early than after the end.
            wait = self._chance.uniform(0.0, 0.8 * whole.seconds[stage] + 0.1) if how == "moment" else 60.0
            name, most = self._chance.choice(sorted(whole.work.get(stage, {"": 0}).items()))
            enough = self._chance.randint(1, most) if how == "work" else sys.maxsize
            while machine.running and time.monotonic() - began < wait and machine.life.stage in (stage, None):
                if machine.life.counts().get(stage, {}).get(name, 0) >= enough:
                    break
                time.sleep(0.002)
            after = time.monotonic() - began
        else:
            after = 0.0
        machine.kill()
        code = machine.join(timeout=60)
        if code > 0:
            raise BrokenPromiseError(f"a machine failed by itself:\n{machine.log.read_text()[-2000:]}")
        life, attempts = machine.life, self._attempts(store)
        reached = self._account(before, machine, attempts)
        if code == 0:
            # The last stage may be over before a busy machine sees that it has begun.
            print(f"  {self._name}   - {stage:14s} {how:7s} came too late", flush=True)
            return Left(attempts, reached)
        self.kills.append(Kill(life.stage or "between stages", how, after))
        print(
            f"  {self._name} {len(self.kills):3d} {self.kills[-1].stage:14s} {how:7s} after {after:5.2f} s", flush=True
        )
        now = {work: seen.reached for work, seen in life.work.items() if work[0] not in attempts}
        return Left(attempts, reached | now)

    def _account(self, before: "Left", machine: Machine, attempts: dict[str, str]) -> dict[Work, int]:
        """Check what a machine did against what those before it had left, and return what is still to be seen."""
        for stage, attempt in before.attempts.items():
            if attempts.get(stage) != attempt:
                raise BrokenPromiseError(f"{stage} was complete, and its record is another now")
            if machine.life.ended.get(stage) == "computed":
                raise BrokenPromiseError(f"{stage} was complete, and was computed again")
        open_ = dict(before.reached)
        for work, reached in before.reached.items():
            stage, name = work
            if name in _BRIEF:
                continue
            now = machine.life.work.get(work)
            if now is None and stage not in attempts:
                # It was killed before it came to that.
                continue
            lost = max(open_.pop(work) - (now.resumed if now else reached), 0)
            limit = _CHECKPOINT_STEPS if name in _TRAININGS.values() else _SHARD_ROWS
            self.lost[work] = max(lost, self.lost.get(work, 0))
            if lost > limit:
                raise BrokenPromiseError(f"{name}: {lost} of {reached} were lost, more than {limit}; see {machine.log}")
        return open_

    def _records(self, uri: str) -> dict[str, Record]:
        """Return the one record of each stage; each artifact is read in full."""
        store = self._stores.setdefault(uri, Store(uri))
        found = {}
        for stage in _STAGES:
            records = store.records(stage)
            if len(records) > 1:
                raise BrokenPromiseError(f"{stage} was made {len(records)} times under different keys")
            for record in records:
                looked = store.look(stage, record.key)
                if looked is None or looked[1] is not None:
                    raise BrokenPromiseError(f"{stage} has a record and is not whole: {looked and looked[1]}")
                store.fetch(store.reference(record))
                found[stage] = record
        return found

    def _attempts(self, uri: str) -> dict[str, str]:
        return {stage: record.attempt for stage, record in self._records(uri).items()}

    def _run(self, store: str) -> tuple[int, Machine]:
        machine = self._start(store)
        return machine.join(timeout=900), machine

    def _start(self, store: str) -> Machine:
        self._machines += 1
        folder = self._folder / self._name / f"machine-{self._machines}"
        folder.mkdir(parents=True)
        settings = [part for setting in _SETTINGS for part in ("--set", setting)]
        return Machine(folder, ["run", "demo", *settings, "--store", store], self._environment)


@dataclass
class Left:
    """What the machines so far left.

    Attributes:
        attempts: The attempt of each stage that was complete.
        reached: How far unfinished work had come, in steps or rows.
    """

    attempts: dict[str, str]
    reached: dict[Work, int]


def _is_upload(exchange: Exchange, store: str, stage: str) -> bool:
    here = exchange.path.startswith(f"/{_BUCKET}/{store}/{stage}/")
    return exchange.method == "PUT" and here and "/lease/" not in exchange.path


def plan(kills: int, seed: int, counted: Collection[str]) -> list[list[tuple[str, str]]]:
    """Return stage and manner of each chain's kills, in the order of the stages: every stage as often, at least.

    Args:
        kills: How many.
        seed: Of chance.
        counted: Stages that count their steps or rows.
    """
    chance = random.Random(seed)
    workers = [stage for stage in _STAGES if stage in counted and stage not in _BRIEF_STAGES]
    targets = [(_UPLOADERS[i % len(_UPLOADERS)], "upload") for i in range(kills // 5)]
    targets += [(workers[i % len(workers)], "work") for i in range(kills // 3)]
    targets += [(_STAGES[i % len(_STAGES)], "moment") for i in range(kills - len(targets))]
    chance.shuffle(targets)
    return [sorted(targets[i::_CHAINS], key=lambda target: _STAGES.index(target[0])) for i in range(_CHAINS)]


@contextmanager
def services(folder: Path) -> Iterator[tuple[FaultProxy, dict[str, str]]]:
    """Start the S3 server, the proxy before it, and one Prefect server for all machines."""
    port = ports.reserve()
    home = folder / "prefect-server"
    environment = {**os.environ, "PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port), "--no-services"]
    with Ceph(folder / "ceph") as ceph, FaultProxy(ceph) as proxy:
        ceph.make_bucket(_BUCKET)
        with (folder / "prefect.log").open("w") as log:
            server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            url = f"http://127.0.0.1:{port}/api"
            _wait_for_prefect(url, server)
            yield (
                proxy,
                {
                    **proxy.environment(),
                    "PREFECT_API_URL": url,
                    "SAGA_LEASE_SECONDS": "2",
                    "SAGA_STORE_SECONDS": "60",
                    "SAGA_PROGRESS_SECONDS": "0",
                    "OMP_NUM_THREADS": "1",
                },
            )
        finally:
            server.kill()
            server.wait()


def _wait_for_prefect(url: str, server: "subprocess.Popen[bytes]") -> None:
    import httpx

    deadline = time.monotonic() + 180
    while True:
        try:
            if httpx.get(f"{url}/ready", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def table(kills: list[Kill], lost: dict[Work, int]) -> str:
    """Return the kills by stage: how many, when, and what they cost at most."""
    lines = [f"{'stage':14s} {'kills':>5s} {'at work':>7s} {'in uploads':>10s}  {'after, s':14s} most lost"]
    for stage in (*_STAGES, "between stages"):
        here = [kill for kill in kills if kill.stage == stage]
        if not here:
            continue
        costs = [
            f"{name} {most} {'steps' if name in _TRAININGS.values() else 'rows'}"
            for (where, name), most in lost.items()
            if where == stage
        ]
        times = f"{min(k.after for k in here):.1f} – {max(k.after for k in here):.1f}"
        work, uploads = (sum(kill.how == how for kill in here) for how in ("work", "upload"))
        cost = ", ".join(costs) or ("the stage, begun again" if stage in _STAGES else "nothing")
        lines.append(f"{stage:14s} {len(here):5d} {work:7d} {uploads:10d}  {times:14s} {cost}")
    return "\n".join(lines)


def campaign(kills: int, seed: int) -> list[Kill]:
    """Kill so many machines in two chains side by side, print the table, and return the kills.

    Raises:
        BrokenPromiseError: Something was lost that must not be.
    """
    start = time.monotonic()
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="saga-faults-"))
        proxy, environment = stack.enter_context(services(Path(name)))
        here = {**proxy.environment(), "XDG_CACHE_HOME": f"{name}/cache"}
        stack.enter_context(mock.patch.dict(os.environ, here))
        chains = [Chain(proxy, environment, Path(name), f"killed-{i}", seed + i) for i in range(_CHAINS)]
        whole = chains[0].reference()
        print(
            f"without a kill: {len(whole.digests)} stages in {sum(whole.seconds.values()):.0f} s of computing",
            flush=True,
        )
        plans = plan(kills, seed, whole.work)
        with ThreadPoolExecutor(_CHAINS) as threads:
            results = list(threads.map(lambda chain, targets: chain.run(targets, whole), chains, plans))
        done = [kill for chain in chains for kill in chain.kills]
        lost: dict[Work, int] = {}
        for chain in chains:
            lost |= {work: max(most, lost.get(work, 0)) for work, most in chain.lost.items()}
        different = {stage for pieced in results for stage in _STAGES if whole.digests[stage] != pieced[stage]}
        apart = "each in a process namespace of its own" if is_apart() else "all of them processes of one machine"
        print(f"\n{table(done, lost)}\n")
        print(f"{len(done)} kills, {apart}; an interval is {_CHECKPOINT_STEPS} steps, a shard {_SHARD_ROWS} rows")
        print(f"{time.monotonic() - start:.0f} s, seed {seed}; no complete stage ran again; no artifact was seen half")
        print(
            f"digests of {len(_STAGES) - len(different)} of {len(_STAGES)} stages equal those of the run without a kill"
        )
        if different:
            raise BrokenPromiseError(f"other digests: {', '.join(sorted(different))}")
        if len(done) < 0.8 * kills:
            raise BrokenPromiseError(f"{kills - len(done)} of {kills} kills came too late")
        return done


def main() -> None:
    """Kill, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    # Some may come too late, and sixty are promised.
    parser.add_argument("--kills", type=int, default=72)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    try:
        kills = campaign(chosen.kills, chosen.seed)
    except BrokenPromiseError as error:
        sys.exit(f"faults: {error}")
    if missed := set(_STAGES) - {kill.stage for kill in kills}:
        sys.exit(f"faults: no machine was killed in {', '.join(sorted(missed))}; choose another --seed")


if __name__ == "__main__":
    main()
