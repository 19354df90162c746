"""A large artifact to S3: our upload beside rclone's and the plain AWS client's, against one server in one run."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from servers.ceph import Ceph
from servers.fixtures import Bucket

pytestmark = pytest.mark.benchmark

_SIZE = 1 << 30
# The server keeps everything in four gigabytes of memory.
_ROUNDS = 1
_ROOT = Path(__file__).resolve().parents[2]

_OURS = """
import re, sys, time
from pathlib import Path
from saga_core.artifacts.store import Store
storage = Store(sys.argv[2]).storage
start = time.monotonic()
storage.put(Path(sys.argv[1]), sys.argv[3])
# What getrusage says a process inherits from its parent.
peak = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
print(time.monotonic() - start, peak / 1024)
"""


def ours(file: Path, bucket: Bucket, name: str) -> tuple[float, float]:
    """Return seconds and peak megabytes of our upload, in a process of its own."""
    command = [sys.executable, "-c", _OURS, str(file), f"{bucket.url}/store", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=_ROOT)
    assert "uploading" in done.stderr
    seconds, peak = done.stdout.split()
    return float(seconds), float(peak)


def other(command: list[str], environment: dict[str, str]) -> float:
    """Return the seconds of another program's upload."""
    # rclone cannot take a bundle of certificates, and the server, on loopback, needs none.
    here = {name: value for name, value in os.environ.items() if name != "AWS_CA_BUNDLE"}
    start = time.monotonic()
    subprocess.run(command, check=True, capture_output=True, env={**here, **environment})
    return time.monotonic() - start


def test_a_gigabyte_uploads_as_fast_as_by_other_tools(ceph: Ceph, ceph_bucket: Bucket, tmp_path: Path) -> None:
    file = tmp_path / "payload.safetensors"
    with file.open("wb") as opened:
        for _ in range(_SIZE >> 24):
            opened.write(os.urandom(1 << 24))
    tools = {}
    if shutil.which("rclone"):
        target = f":s3,provider=Ceph,env_auth=true,endpoint='{ceph.endpoint}':{ceph_bucket.name}/rclone"
        tools["rclone"] = (["rclone", "copyto", "--ignore-times", str(file), target], {"RCLONE_CONFIG": os.devnull})
    if shutil.which("aws"):
        tools["aws"] = (["aws", "s3", "cp", "--quiet", str(file), f"{ceph_bucket.url}/aws"], {})
    seconds: dict[str, list[float]] = {name: [] for name in ("ours", *tools)}
    peak = 0.0
    for round_ in range(_ROUNDS):
        took, memory = ours(file, ceph_bucket, f"ours-{round_}/payload.safetensors")
        seconds["ours"].append(took)
        peak = max(peak, memory)
        for name, (command, environment) in tools.items():
            seconds[name].append(other(command, environment))
        ceph.client().delete_objects(
            Bucket=ceph_bucket.name, Delete={"Objects": [{"Key": f"store/ours-{round_}/payload.safetensors"}]}
        )
    print(f"\nupload of {_SIZE >> 20} MB, best of {_ROUNDS}; our peak memory {peak:.0f} MB")
    for name, times in seconds.items():
        print(f"  {name:8s} {min(times):6.2f} s  {_SIZE / min(times) / 1e6:6.0f} MB/s")
    for name in tools:
        print(f"  our rate is {min(seconds[name]) / min(seconds['ours']):.2f} of {name}'s")
