"""What every S3 endpoint of the tests offers: the variables a client needs, a client, buckets."""

import os
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config

# Another one for each client would read the service's description again, a quarter of a second.
_SESSION = boto3.session.Session()


class S3Endpoint:
    """Where an S3 service listens and who may use it; a context manager that starts and stops it.

    Attributes:
        endpoint: Its URL.
        access_key: Who may use it.
        secret_key: Their secret.
    """

    access_key = "cikey"
    secret_key = "cisecret12345"
    region = "us-east-1"

    def __init__(self, port: int) -> None:
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"

    def environment(self) -> dict[str, str]:
        """Return the variables that lead a client here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
        }

    def client(self, **settings: object) -> BaseClient:
        """Return a client that retries nothing; ``settings`` go to botocore's ``Config``."""
        return _SESSION.client("s3", **self._arguments(**settings))

    def make_bucket(self, name: str) -> str:
        """Make a bucket and return its name."""
        self.client().create_bucket(Bucket=name)
        return name

    def remove_bucket(self, name: str) -> None:
        """Remove a bucket with its objects and what was left of its uploads."""
        bucket = _SESSION.resource("s3", **self._arguments()).Bucket(name)
        for upload in bucket.multipart_uploads.all():
            upload.abort()
        bucket.objects.all().delete()
        bucket.delete()

    def start(self) -> None:
        """Listen."""
        raise NotImplementedError

    def stop(self) -> None:
        """End whatever was started."""
        raise NotImplementedError

    def _arguments(self, **settings: object) -> dict[str, object]:
        return {
            "endpoint_url": self.endpoint,
            "aws_access_key_id": self.access_key,
            "aws_secret_access_key": self.secret_key,
            "region_name": self.region,
            "config": Config(**{"retries": {"total_max_attempts": 1}, **settings}),
        }

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def unavailable(reason: str) -> NoReturn:
    """Skip the test for want of a server, or fail it where ``CI_REQUIRES_SERVERS=1`` says that all are there."""
    if os.environ.get("CI_REQUIRES_SERVERS") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def tail(log: Path) -> str:
    """Return the end of a log."""
    return log.read_text(errors="replace")[-2000:] if log.exists() else ""
