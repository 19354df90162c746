"""Ends exactly what a start has started, and tells what runs."""

from __future__ import annotations

import signal

from deployments.local.folder import Folder
from deployments.local.processes import end, family, marked
from deployments.local.service import Record, Supervisor
from deployments.local.settings import Settings, read_settings

# Of seconds, for what a worker that was killed has left behind.
_PATIENCE = 10.0


def stop(folder: Folder) -> None:
    """End what was started here, in the reverse order, with all that came of it; nothing else."""
    settings = read_settings(folder)
    if settings is None:
        print(f"nothing was started in {folder.path}")
        return
    with folder.locked():
        supervisor = Supervisor(folder, settings.mark)
        records = supervisor.records()
        alive = [record.name for record in records if record.process.alive]
        supervisor.end(_of_workers(records))
        strays = marked(settings.mark) - {each for record in records for each in family(record.process)}
        for process in strays:
            process.send(signal.SIGTERM)
        end(strays, _PATIENCE)
        # The API before its database and store: it writes what became of the runs.
        for record in reversed([record for record in records if record not in _of_workers(records)]):
            supervisor.end([record])
        left = marked(settings.mark)
        end(left, 0)
    what = [*alive, *(f"process {process.pid}" for process in strays)]
    print(f"ended: {', '.join(what)}" if what else "nothing ran")


def status(folder: Folder) -> bool:
    """Print what was started and whether it runs; return whether all does."""
    settings = read_settings(folder)
    records = Supervisor(folder, settings.mark).records() if settings else []
    if settings is None or not records:
        print(f"nothing runs of {folder.path}; make server starts it")
        return False
    ports = _ports(settings)
    for record in records:
        state = f"runs, process {record.process.pid}" if record.process.alive else "ended; make server starts it again"
        print(f"{record.name:12} {ports.get(record.name, ''):24} {state}")
    return all(record.process.alive for record in records)


def _of_workers(records: list[Record]) -> list[Record]:
    return [record for record in records if record.name.startswith("saga-")]


def _ports(settings: Settings) -> dict[str, str]:
    ports = {"postgres": settings.postgres_port, "s3": settings.s3_port, "api": settings.api_port}
    return {name: f"127.0.0.1:{port}" for name, port in ports.items()}
