"""The bucket is made once, and a server that lets several writers create one file is refused."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
import s3fs
from servers.fixtures import Bucket, Proxied, lead_to
from servers.moto_process import MotoServer

from deployments.bucket import make_bucket
from saga_core.errors import StoreError, UserError

ROOT = Path(__file__).resolve().parents[2]


def test_the_bucket_is_made_once(moto_s3: MotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    lead_to(moto_s3, monkeypatch)
    make_bucket("s3://new-bucket/prefix")
    with s3fs.S3FileSystem().open("s3://new-bucket/prefix/kept", "wb") as file:
        file.write(b"1")
    make_bucket("s3://new-bucket/prefix")
    s3fs.S3FileSystem.clear_instance_cache()
    assert s3fs.S3FileSystem().find("s3://new-bucket") == ["new-bucket/prefix/kept"]
    moto_s3.remove_bucket("new-bucket")


def test_a_server_that_ignores_conditions_is_refused(bucket: Bucket, proxied: Proxied) -> None:
    proxied(bucket, strip_conditions=1.0)
    with pytest.raises(StoreError, match="If-None-Match"):
        make_bucket(bucket.url)


@pytest.mark.parametrize("uri", ["", "folder", "s3://", "file:///tmp"])
def test_what_names_no_bucket_is_refused(uri: str) -> None:
    with pytest.raises(UserError, match="SAGA_STORE"):
        make_bucket(uri)


def test_a_server_that_is_away_is_one_line(monkeypatch: pytest.MonkeyPatch, moto_s3: MotoServer) -> None:
    lead_to(moto_s3, monkeypatch)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        monkeypatch.setenv("SAGA_STORE", "s3://bucket")
        command = [sys.executable, "-m", "deployments.bucket"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "AWS_ENDPOINT_URL" in done.stderr
