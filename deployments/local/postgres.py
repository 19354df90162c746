"""PostgreSQL with a cluster of its own: loopback only, a password for everybody."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from deployments.local.environment import plain
from deployments.local.folder import Folder, write_secret
from deployments.local.service import Service
from deployments.local.settings import Settings
from saga_core.errors import StageError, UserError

# Debian's, newest last; not on the path.
_BINARIES = Path("/usr/lib/postgresql")
# Who runs it where root starts it: it refuses root.
_USER = "postgres"
_CLUSTER = ("-U", "prefect", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8")


def programs() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs, None where it isn't installed."""
    found = sorted(_BINARIES.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


def postgres(folder: Folder, settings: Settings) -> Service:
    """Return the database, whose cluster is made if this is its first start.

    Raises:
        UserError: The user that runs it can't reach the folder.
        StageError: The cluster can't be made.
    """
    binaries = programs()
    assert binaries is not None, "requirements are checked first"
    base = folder.path / "postgres"
    data = base / "data"
    if not data.exists():
        _make(binaries, base, data, settings)
    options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "password_encryption": "scram-sha-256"}
    settled = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
    command = (str(binaries / "postgres"), "-D", str(data), "-p", str(settings.postgres_port), *settled)
    probe = (str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(settings.postgres_port))
    return Service(
        name="postgres",
        command=(*_as_user(), *command),
        environment=plain(),
        ready=lambda: subprocess.run(probe, check=False, env=plain()).returncode == 0,
        seconds=60,
        # Ends its clients' connections and then itself; SIGTERM would wait for the clients.
        stop=signal.SIGINT,
    )


def _make(binaries: Path, base: Path, data: Path, settings: Settings) -> None:
    base.mkdir(exist_ok=True)
    base.chmod(0o700)
    password = base / "password"
    new = base / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    try:
        write_secret(password, settings.postgres_password)
        if os.geteuid() == 0:
            user = pwd.getpwnam(_USER)
            for path in (base, password):
                os.chown(path, user.pw_uid, user.pw_gid)
        if subprocess.run([*_as_user(), "test", "-w", base], check=False, cwd="/").returncode:
            remedy = "SAGA_SERVER_DIR=FOLDER names another, which every user may come through"
            raise UserError(
                f"the user {_USER} cannot reach this folder, and root cannot run PostgreSQL", str(base), remedy
            )
        made = subprocess.run(
            [*_as_user(), str(binaries / "initdb"), "-D", new, "--pwfile", password, *_CLUSTER],
            check=False,
            capture_output=True,
            text=True,
            env=plain(),
            cwd="/",
        )
    finally:
        password.unlink(missing_ok=True)
    if made.returncode:
        raise StageError(f"cannot make the database: {made.stderr.strip()[-300:]}", str(base), "mend that")
    # Under its name only when it is whole.
    new.rename(data)


def _as_user() -> tuple[str, ...]:
    if os.geteuid() != 0:
        return ()
    return ("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--init-groups", "--")
