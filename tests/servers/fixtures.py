"""Fixtures with S3 servers, for the tests' ``conftest.py`` to import."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import uuid4

import pytest
import s3fs
from servers.ceph import Ceph
from servers.faults import Fault
from servers.moto_process import MotoServer
from servers.proxy import FaultProxy
from servers.s3_endpoint import S3Endpoint

_OTHERS = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL_S3")


@dataclass(frozen=True)
class Bucket:
    """A new bucket.

    Attributes:
        name: Without scheme.
        server: Where it lies.
    """

    name: str
    server: S3Endpoint

    @property
    def url(self) -> str:
        """``s3://NAME``."""
        return f"s3://{self.name}"


Proxied = Callable[..., FaultProxy]


@pytest.fixture(scope="session")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ceph]:
    """Ceph in memory."""
    with Ceph(tmp_path_factory.mktemp("ceph")) as server:
        yield server


@pytest.fixture(scope="session")
def moto_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MotoServer]:
    """Moto's server."""
    with MotoServer(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture
def bucket(moto_s3: MotoServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A new bucket at moto's server, to which the environment leads."""
    yield from _bucket(moto_s3, monkeypatch)


@pytest.fixture
def ceph_bucket(ceph: Ceph, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A new bucket at Ceph, to which the environment leads."""
    yield from _bucket(ceph, monkeypatch)


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxied]:
    """Starts a proxy before a bucket, ``proxied(bucket, *faults, …)``, and leads the environment to it."""
    with ExitStack() as stack:

        def start(bucket: Bucket, *faults: Fault, seed: int = 0, strip_conditions: float = 0.0) -> FaultProxy:
            proxy = FaultProxy(bucket.server, *faults, seed=seed, strip_conditions=strip_conditions)
            stack.enter_context(proxy)
            lead_to(proxy, monkeypatch)
            return proxy

        yield start


def lead_to(server: S3Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment so that every new client of this process and its children finds a server, and no other."""
    for name in _OTHERS:
        monkeypatch.delenv(name, raising=False)
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "NO_PROXY": "127.0.0.1"}
    for name, value in (nothing | server.environment()).items():
        monkeypatch.setenv(name, value)
    # Its instances live on by their arguments, among which the environment is not.
    s3fs.S3FileSystem.clear_instance_cache()


def _bucket(server: S3Endpoint, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    lead_to(server, monkeypatch)
    name = server.make_bucket(f"test-{uuid4().hex[:12]}")
    yield Bucket(name, server)
    server.remove_bucket(name)
