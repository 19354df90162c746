"""Make the bucket that ``SAGA_STORE`` names, and try whether its server suits: ``python -m deployments.bucket``."""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

from saga_core.artifacts.capabilities import probe
from saga_core.artifacts.storage import Patience, open_storage
from saga_core.errors import SagaError, StoreError, UserError


def make_bucket(uri: str) -> None:
    """Make a store's bucket unless it is there, and race writers in it.

    Args:
        uri: ``s3://BUCKET`` or ``s3://BUCKET/PREFIX``; endpoint and credentials come from the environment.

    Raises:
        UserError: The URI names no bucket.
        StoreError: The bucket can neither be found nor made, or more than one of several writers created a file in it.
    """
    bucket = urlsplit(uri).netloc if uri.startswith("s3://") else ""
    if not bucket:
        raise UserError("no bucket to make", "SAGA_STORE", "set it to s3://BUCKET or s3://BUCKET/PREFIX")
    _create(bucket)
    if not probe(open_storage(uri, Patience.of_environment())).conditional_writes:
        what = "several writers created one file: the server does not honour If-None-Match"
        raise StoreError(what, uri, "use a server that does, such as Ceph's, or Amazon's own")


def _create(bucket: str) -> None:
    # Boto's client comes with s3fs.
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.session import Session

    try:
        client = Session().create_client("s3")
        try:
            client.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:
                raise
            client.create_bucket(Bucket=bucket)
    except ClientError as error:
        raise StoreError(f"the bucket cannot be made: {error}", f"s3://{bucket}", "look at the credentials") from error
    except BotoCoreError as error:
        raise StoreError(f"no answer: {error}", f"s3://{bucket}", "look at AWS_ENDPOINT_URL") from error


def main() -> int:
    """Make the bucket, and say so; return the exit code."""
    uri = os.environ.get("SAGA_STORE", "")
    try:
        make_bucket(uri)
    except SagaError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"{uri}: the bucket is there, and of several writers one creates a file")
    return 0


if __name__ == "__main__":
    sys.exit(main())
