"""An S3 server that keeps its objects: Ceph's gateway on one node, see ``ceph-s3.sh``."""

from __future__ import annotations

import http.client
import os
import shutil
from pathlib import Path

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from deployments.local.environment import plain
from deployments.local.folder import Folder
from deployments.local.processes import identify, marked
from deployments.local.service import Service
from deployments.local.settings import BUCKET, REGION, Settings
from saga_core.errors import StageError

PROGRAMS = ("radosgw", "ceph-mon", "ceph-osd", "ceph", "setpriv")
_SCRIPT = Path(__file__).with_name("ceph-s3.sh")


def s3(folder: Folder, settings: Settings) -> Service:
    """Return the store's server."""
    base = folder.path / "s3"
    base.mkdir(exist_ok=True)
    base.chmod(0o700)
    pipe = base / "again"
    if not pipe.exists():
        os.mkfifo(pipe, 0o600)
    return Service(
        name="s3",
        command=(str(_SCRIPT), str(base), str(settings.s3_port), "bluestore", str(_gigabytes(base))),
        environment=plain()
        | {"AWS_ACCESS_KEY_ID": settings.s3_access_key, "AWS_SECRET_ACCESS_KEY": settings.s3_secret_key},
        ready=lambda: _answers(settings),
        seconds=120,
        # Open at both ends in the script itself: it never comes to its end, and a line starts what has died.
        stdin=pipe,
    )


def is_whole(folder: Folder, settings: Settings) -> bool:
    """Say whether every daemon runs; a gateway without its object store goes on answering from memory."""
    ours = marked(settings.mark, "s3")
    pids = [path.read_text(encoding="ascii").strip() for path in (folder.path / "s3").glob("*.pid")]
    return all(pid.isdecimal() and identify(int(pid)) in ours for pid in pids)


def revive(service: Service) -> None:
    """Have the script start those of its daemons that have died."""
    assert service.stdin is not None
    descriptor = os.open(service.stdin, os.O_WRONLY | os.O_NONBLOCK)
    try:
        os.write(descriptor, b"\n")
    finally:
        os.close(descriptor)


def make_bucket(settings: Settings) -> None:
    """Make the store's bucket unless it is there.

    Raises:
        StageError: The server refuses.
    """
    client = botocore.session.get_session().create_client(
        "s3",
        region_name=REGION,
        endpoint_url=settings.s3_url,
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key,
        config=Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3}),
    )
    try:
        client.create_bucket(Bucket=BUCKET)
    except (BotoCoreError, ClientError) as error:
        raise StageError(f"cannot make the bucket {BUCKET}: {error}", settings.s3_url, "see logs/s3.log") from error


def _gigabytes(base: Path) -> int:
    """Return what the store may grow to: four fifths of the disk as it was at the first start."""
    kept = base / "gigabytes"
    if not kept.exists():
        kept.write_text(str(max(4, shutil.disk_usage(base).free * 4 // 5 >> 30)), encoding="ascii")
    return int(kept.read_text(encoding="ascii"))


def _answers(settings: Settings) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", settings.s3_port, timeout=5)
    try:
        connection.request("HEAD", f"/{BUCKET}")
        # Unsigned, so refused, or not there yet; a gateway without its object store would not know.
        return connection.getresponse().status in (403, 404)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
