"""Starts what doesn't run, deploys, and says where everything is."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from deployments.local import requirements
from deployments.local.api import api
from deployments.local.environment import of_client
from deployments.local.folder import Folder, write_secret
from deployments.local.postgres import postgres
from deployments.local.s3 import is_whole, make_bucket, revive, s3
from deployments.local.service import Service, Supervisor
from deployments.local.settings import S3_PORTS, Settings, check_free, settle
from deployments.local.workers import has_gpu, workers
from saga_core.errors import SagaError, StageError, UserError

_PORTS = {"postgres": ("postgres_port", 1), "s3": ("s3_port", S3_PORTS), "api": ("api_port", 1)}


def start(folder: Folder) -> None:
    """Start whatever doesn't run, wait until all is ready, deploy.

    Raises:
        UserError: A program is missing, a port is taken, the folder can't be used.
        StageError: A process doesn't come up; names its log.
    """
    requirements.check()
    folder.make()
    with folder.locked():
        settings = settle(folder)
        supervisor = Supervisor(folder, settings.mark)
        _Start(folder, settings, supervisor).everything()
        write_secret(folder.env, _shell(settings))
    print(
        f"the server runs: {settings.api_url.removesuffix('/api')}\n"
        f"  . {shlex.quote(str(folder.env))}    leads a shell to it; PREFECT_API_AUTH_STRING there is the password\n"
        f"  logs: {folder.logs}"
    )


class _Start:
    def __init__(self, folder: Folder, settings: Settings, supervisor: Supervisor) -> None:
        self.folder, self.settings, self.supervisor = folder, settings, supervisor

    def everything(self) -> None:
        database, store, server = (make(self.folder, self.settings) for make in (postgres, s3, api))
        # Before anything is started: half a server is no use.
        for each in (database, store, server):
            self._check_port(each)
        new = [self._ensure(each) for each in (database, store)]
        self.supervisor.wait(database)
        new.append(self._ensure(server))
        self._store_ready(store, new[1])
        self.supervisor.wait(server)
        self._deploy()
        pair = workers(self.folder, self.settings)
        started = [each for each in pair if self._ensure(each)]
        # One that ran before has told the server of itself long ago.
        for each in started:
            self.supervisor.wait(each)
        if not (any(new) or started):
            print("everything ran already")
        if not has_gpu() and not os.environ.get("SAGA_ALLOW_CPU"):
            print("no GPU here, so stages that want one are refused; SAGA_ALLOW_CPU=1 make server runs them on the CPU")

    def _ensure(self, service: Service) -> bool:
        """Start a service unless it runs as it should; say whether it was started."""
        if self.supervisor.is_current(service):
            return False
        if old := self.supervisor.alive(service):
            print(f"{service.name}: its settings have changed; ending it", flush=True)
            self.supervisor.end([old])
        print(f"{service.name}: starting", flush=True)
        self.supervisor.start(service)
        return True

    def _check_port(self, service: Service) -> None:
        """Make sure that a service that is to be started can listen; what is left of its last life is ended."""
        if self.supervisor.alive(service):
            return
        # What is left of a worker, on the other hand, are runs that go on.
        self.supervisor.clear(service)
        field, count = _PORTS[service.name]
        check_free(field, getattr(self.settings, field), count)

    def _store_ready(self, store: Service, new: bool) -> None:
        if not new and not (is_whole(self.folder, self.settings) and store.ready()):
            print(f"{store.name}: starting what has ended of it", flush=True)
            revive(store)
        self.supervisor.wait(store)
        make_bucket(self.settings)

    def _deploy(self) -> None:
        notify = {key: value for key, value in os.environ.items() if key == "SAGA_NOTIFY_URL"}
        environment = of_client(self.folder, self.settings) | notify
        done = subprocess.run([sys.executable, "-m", "deployments.deploy"], check=False, env=environment)
        if done.returncode:
            error: type[SagaError] = UserError if done.returncode == UserError.exit_code else StageError
            raise error("the deployments could not be made", "make server", "mend that and run it again")


def _shell(settings: Settings) -> str:
    lines = (f"export {key}={shlex.quote(value)}\n" for key, value in settings.client_environment().items())
    return f"# Leads a shell to SAGA's server and store: . {{this file}}. Holds passwords.\n{''.join(lines)}"
