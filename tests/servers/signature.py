"""Taking conditions from a signed request, and signing it again, as a store that ignores them would never notice."""

import re

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from servers.http_messages import Head

CONDITIONS = ("if-match", "if-none-match")


class _KnownPayload(S3SigV4Auth):
    """Signs with the digest of the body that the client announced."""

    def payload(self, request: AWSRequest) -> str:
        digest: str = request.context["digest"]
        return digest


def strip_conditions(head: Head, access_key: str, secret_key: str, region: str) -> Head:
    """Return a request's head without its conditions, signed anew.

    Raises:
        ValueError: When the body is signed piece by piece, each signature with that of the head in it.
    """
    bare = head.changed(**dict.fromkeys(CONDITIONS))
    signed = re.search(r"SignedHeaders=([^,]+)", head.get("authorization") or "")
    if signed is None:
        return bare
    digest = head.get("x-amz-content-sha256") or ""
    if digest.startswith("STREAMING-AWS4"):
        raise ValueError(f"can't sign a request anew whose body is signed in pieces ({digest}): {head.first}")
    method, target, _ = head.first.split(" ", 2)
    names = set(signed.group(1).split(";")) - {*CONDITIONS, "x-amz-date", "x-amz-content-sha256"}
    request = AWSRequest(
        method,
        f"http://{head.get('host')}{target}",
        headers={name: value for name, value in bare.headers if name.lower() in names},
    )
    request.context["digest"] = digest
    _KnownPayload(Credentials(access_key, secret_key), "s3", region).add_auth(request)
    return bare.changed(authorization=request.headers["Authorization"], x_amz_date=request.headers["X-Amz-Date"])
