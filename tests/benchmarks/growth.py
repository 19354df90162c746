"""What a server holds while runs come and go, sampled side by side with them, and whether any of it grows."""

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from deployments.local.processes import Process, family
from tests.deployments.server import Server

_PYTHONS = ("api", "saga-cpu-1", "saga-gpu-1")
# Flat means: within 15 %, or within 40 MB, of what was held once all of it had been used.
_SHARE, _MEGABYTES = 1.15, 40.0


@dataclass(frozen=True)
class Sample:
    """One look.

    Attributes:
        ended: Runs that had ended.
        memory: Megabytes, by service: resident for the Python ones, for PostgreSQL without its shared buffers.
        files: Open files of the Python services.
        connections: Connections to the database.
        database: Its size in megabytes.
        temporary: Names of what lies in the temporary folder of server, workers and runs.
        runs: Processes that the workers have started.
    """

    ended: int
    memory: Mapping[str, float]
    files: int
    connections: int
    database: float
    temporary: tuple[str, ...]
    runs: int


def look(server: Server, temporary: Path, ended: int) -> Sample:
    """Take a sample."""
    leaders = {name: record.process for name, record in server.records().items()}
    memory = {name: _memory(leaders[name], "Rss") for name in _PYTHONS}
    memory["postgres"] = sum(_memory(process, "Anonymous") for process in family(leaders["postgres"]))
    connections, size = asyncio.run(_database(server))
    return Sample(
        ended,
        memory,
        sum(len(list(Path(f"/proc/{leaders[name].pid}/fd").iterdir())) for name in _PYTHONS),
        connections,
        size / 1e6,
        tuple(sorted(path.name for path in temporary.iterdir())),
        len(started_by_workers(server)),
    )


def started_by_workers(server: Server) -> set[Process]:
    """Return the processes of runs."""
    workers = [record.process for name, record in server.records().items() if name.startswith("saga-")]
    return {process for worker in workers for process in family(worker)} - set(workers)


def idle(server: Server, temporary: Path, ended: int, seconds: float = 60) -> Sample:
    """Take a sample once the workers' processes have ended, or time is up."""
    until = time.monotonic() + seconds
    while started_by_workers(server) and time.monotonic() < until:
        time.sleep(0.5)
    return look(server, temporary, ended)


def table(samples: Sequence[Sample], every: int) -> str:
    """Return what was held while each so many runs ended: medians."""
    lines = [f"{'runs':>9s} {' '.join(f'{name:>10s}' for name in samples[0].memory)}  files  connections  database"]
    for first in range(0, max(sample.ended for sample in samples) + 1, every):
        here = [sample for sample in samples if first <= sample.ended < first + every]
        if here:
            memory = " ".join(f"{median(here, name):7.0f} MB" for name in here[0].memory)
            files, connections = (
                statistics.median(getattr(s, what) for s in here) for what in ("files", "connections")
            )
            last = f"{files:5.0f}  {connections:11.0f}  {here[-1].database:5.1f} MB"
            lines.append(f"{first:4d}–{min(first + every - 1, samples[-1].ended):<4d} {memory}  {last}")
    return "\n".join(lines)


def median(samples: Sequence[Sample], service: str) -> float:
    """Return a service's median of megabytes."""
    return statistics.median(sample.memory[service] for sample in samples)


def grown(samples: Sequence[Sample]) -> list[str]:
    """Return which services held more in the last quarter of the time than in the second; four samples at least."""
    quarter = len(samples) // 4
    second, fourth = samples[quarter : 2 * quarter], samples[-quarter:]
    found = []
    for name in samples[0].memory:
        before, after = median(second, name), median(fourth, name)
        if after > max(before * _SHARE, before + _MEGABYTES):
            found.append(f"{name} grew from {before:.0f} to {after:.0f} MB")
    return found


async def _database(server: Server) -> tuple[int, int]:
    connection = await asyncpg.connect(server.settings.database_url.replace("+asyncpg", ""))
    try:
        # This one apart.
        others = "select count(*) - 1 from pg_stat_activity where backend_type = 'client backend'"
        return await connection.fetchval(others), await connection.fetchval("select pg_database_size('postgres')")
    finally:
        await connection.close()


def tables_of(server: Server) -> dict[str, int]:
    """Return the bytes of the database's larger tables, with their indexes, largest first."""

    async def ask() -> dict[str, int]:
        connection = await asyncpg.connect(server.settings.database_url.replace("+asyncpg", ""))
        try:
            sizes = "select relname, pg_total_relation_size(relid) size from pg_stat_user_tables order by size desc"
            return {row["relname"]: row["size"] for row in await connection.fetch(f"{sizes} limit 6")}
        finally:
            await connection.close()

    return asyncio.run(ask())


def _memory(process: Process, what: str) -> float:
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        # A connection of PostgreSQL's that has been closed since.
        return 0.0
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{what}:")) / 1024
