"""What a machine needs before a server starts on it."""

from __future__ import annotations

import shutil
import sys

from deployments.local import postgres, s3
from saga_core.errors import UserError

_PACKAGES = {
    "radosgw": "radosgw",
    "ceph-mon": "ceph-mon",
    "ceph-osd": "ceph-osd",
    "ceph": "ceph-common",
    "setpriv": "util-linux",
}


def check() -> None:
    """Make sure that every program is there.

    Raises:
        UserError: One is missing; names the packages of Debian that bring it.
    """
    if sys.platform != "linux":
        raise UserError("a server of one machine needs Linux", sys.platform, "docs/server.md says what it is made of")
    missing = {_PACKAGES[program] for program in s3.PROGRAMS if shutil.which(program) is None}
    if postgres.programs() is None:
        missing.add("postgresql")
    if missing:
        packages = " ".join(sorted(missing))
        raise UserError("programs are missing", "make server", f"apt-get install --no-install-recommends {packages}")
