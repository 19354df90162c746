"""Ceph as the tests start it: what is promised of a real store, and that it lives and dies as it should."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, HTTPClientError
from servers import ports
from servers.ceph import Ceph
from servers.faults import Fault
from servers.fixtures import Bucket, Proxied
from servers.proxy import FaultProxy

pytestmark = pytest.mark.slow


def race(clients: list[BaseClient], bucket: str, key: str) -> int:
    """Let writers put a key that must not exist, all at once, and return how many were told that they did."""
    gate = threading.Barrier(len(clients))

    def write(client: BaseClient) -> bool:
        gate.wait()
        try:
            client.put_object(Bucket=bucket, Key=key, Body=b"x", IfNoneMatch="*")
        except client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise
            return False
        return True

    with ThreadPoolExecutor(len(clients)) as pool:
        return sum(pool.map(write, clients))


def test_a_race_of_conditional_writers_has_one_winner(ceph: Ceph, ceph_bucket: Bucket) -> None:
    clients = [ceph.client() for _ in range(8)]
    assert [race(clients, ceph_bucket.name, f"lock{number}") for number in range(20)] == [1] * 20


def test_stripped_of_its_signed_condition_a_race_has_several(ceph_bucket: Bucket, proxied: Proxied) -> None:
    proxy = proxied(ceph_bucket, strip_conditions=1.0)
    assert race([proxy.client() for _ in range(8)], ceph_bucket.name, "lock") == 8
    # Others' signatures are still looked at.
    proxy.secret_key = "wrong"
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        proxy.client().put_object(Bucket=ceph_bucket.name, Key="other", Body=b"x")


@pytest.mark.parametrize("key", ["plain", "æøå/with space", "a+b=c&d?e%20f~(g)'h"])
@pytest.mark.parametrize("strip", [0.0, 1.0])
def test_signed_requests_pass_the_proxy(ceph_bucket: Bucket, proxied: Proxied, key: str, strip: float) -> None:
    client = proxied(ceph_bucket, strip_conditions=strip).client()
    client.put_object(Bucket=ceph_bucket.name, Key=key, Body=b"first", Metadata={"note": "a  b"}, IfNoneMatch="*")
    assert client.get_object(Bucket=ceph_bucket.name, Key=key)["Body"].read() == b"first"
    listed = client.list_objects_v2(Bucket=ceph_bucket.name, Prefix=key[:5])["Contents"]
    assert [entry["Key"] for entry in listed] == [key]


def test_a_lost_answer_leaves_the_object(ceph_bucket: Bucket, proxied: Proxied) -> None:
    client = proxied(ceph_bucket, Fault("reset_after", times=1)).client()
    with pytest.raises(ConnectionClosedError):
        client.put_object(Bucket=ceph_bucket.name, Key="key", Body=b"x", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        client.put_object(Bucket=ceph_bucket.name, Key="key", Body=b"x", IfNoneMatch="*")


def test_bluestore_keeps_its_objects_whatever_is_killed(tmp_path: Path) -> None:
    with Ceph(tmp_path, objectstore="bluestore") as server:
        server.make_bucket("kept")
        client = server.client()
        client.put_object(Bucket="kept", Key="key", Body=b"x" * (5 << 20))
        for everything in (False, True):
            server.kill(everything)
            with pytest.raises(EndpointConnectionError):
                client.head_object(Bucket="kept", Key="key")
            server.restart()
            assert client.get_object(Bucket="kept", Key="key")["Body"].read() == b"x" * (5 << 20)
        server.stop()
        server.restart()
        assert client.head_object(Bucket="kept", Key="key")["ContentLength"] == 5 << 20


def test_memstore_starts_empty_after_everything_was_killed(tmp_path: Path) -> None:
    with Ceph(tmp_path) as server:
        server.make_bucket("lost")
        server.kill(everything=True)
        server.restart()
        assert server.client().list_buckets()["Buckets"] == []


def test_a_gateway_killed_in_mid_upload_leaves_the_old_object(tmp_path: Path) -> None:
    with Ceph(tmp_path) as server, FaultProxy(server) as proxy:
        server.make_bucket("bucket")
        direct = server.client()
        direct.put_object(Bucket="bucket", Key="single", Body=b"old")
        upload = direct.create_multipart_upload(Bucket="bucket", Key="parts")["UploadId"]
        proxy.at_half(lambda _: server.kill(), where=lambda exchange: exchange.kind == "PUT")
        with pytest.raises(HTTPClientError):
            proxy.client().put_object(Bucket="bucket", Key="single", Body=b"n" * (32 << 20))
        server.restart()
        assert direct.get_object(Bucket="bucket", Key="single")["Body"].read() == b"old"
        proxy.at_half(lambda _: server.kill(), where=lambda exchange: exchange.kind == "UPLOAD_PART")
        with pytest.raises(HTTPClientError):
            proxy.client().upload_part(
                Bucket="bucket", Key="parts", UploadId=upload, PartNumber=1, Body=b"n" * (32 << 20)
            )
        server.restart()
        # Invisible, and left for whoever sweeps.
        assert [entry["Key"] for entry in direct.list_objects_v2(Bucket="bucket")["Contents"]] == ["single"]
        assert [entry["UploadId"] for entry in direct.list_multipart_uploads(Bucket="bucket")["Uploads"]] == [upload]
        server.remove_bucket("bucket")
        assert direct.list_buckets()["Buckets"] == []


START = """
import os, signal, sys, threading
from pathlib import Path
from servers.ceph import Ceph
# From a thread that ends: the daemons follow the process.
thread = threading.Thread(target=Ceph(Path(sys.argv[1]), int(sys.argv[2])).start)
thread.start()
thread.join()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_no_daemon_outlives_a_killed_starter(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", START, str(tmp_path), str(ports.reserve(43))], env=environment)
    assert done.returncode == -signal.SIGKILL
    pids = [int((tmp_path / f"{name}.pid").read_text()) for name in ("mon", "osd", "rgw")]
    assert (tmp_path / "made").exists()
    deadline = time.monotonic() + 10
    while any(_lives(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_no_daemon_outlives_the_killed_script(tmp_path: Path) -> None:
    with Ceph(tmp_path) as server:
        assert server._script
        pids = [int((tmp_path / f"{name}.pid").read_text()) for name in ("mon", "osd", "rgw")]
        assert all(_lives(pid) for pid in pids)
        server._script.kill()
        deadline = time.monotonic() + 10
        while any(_lives(pid) for pid in pids):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_without_ceph_tests_are_skipped_except_in_ci(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.delenv("CI_REQUIRES_SERVERS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install"):
        Ceph(tmp_path).start()
    monkeypatch.setenv("CI_REQUIRES_SERVERS", "1")
    with pytest.raises(pytest.fail.Exception, match="apt-get install"):
        Ceph(tmp_path).start()
