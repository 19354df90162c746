"""What a failure of a remote store means: only a missing file is missing."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st
from s3fs.errors import translate_boto_error

from saga_core.artifacts.failures import Kind, classify


def answer(code: str, status: int, message: str = "told so") -> BaseException:
    """An error as s3fs raises it."""
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error: BaseException = translate_boto_error(ClientError(response, "GetObject"))
    return error


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("NoSuchKey", 404, Kind.MISSING),
        # A 404 that does not say what is missing may come from a gateway whose server is away.
        ("404", 404, Kind.PASSING),
        ("Not Found", 404, Kind.PASSING),
        ("NoSuchBucket", 404, Kind.MISTAKE),
        ("PreconditionFailed", 412, Kind.EXISTS),
        ("412", 412, Kind.EXISTS),
        ("ConditionalRequestConflict", 409, Kind.PASSING),
        ("InternalError", 500, Kind.PASSING),
        ("SlowDown", 503, Kind.PASSING),
        ("Throttling", 429, Kind.PASSING),
        ("502", 502, Kind.PASSING),
        ("RequestTimeout", 400, Kind.PASSING),
        ("ExpiredToken", 400, Kind.EXPIRED),
        ("AccessDenied", 403, Kind.DENIED),
        ("InvalidAccessKeyId", 403, Kind.CREDENTIALS),
        ("SignatureDoesNotMatch", 403, Kind.CREDENTIALS),
        ("SomethingNew", 403, Kind.FINAL),
        ("InvalidRequest", 400, Kind.FINAL),
        ("NotImplemented", 501, Kind.UNSUPPORTED),
        ("InsufficientStorage", 507, Kind.FINAL),
        ("InvalidRange", 416, Kind.EMPTY),
        # An upload that must begin anew, and a clock that a suspended machine sets later.
        ("InvalidPart", 400, Kind.PASSING),
        ("RequestTimeTooSkewed", 403, Kind.PASSING),
        ("InvalidObjectState", 403, Kind.FINAL),
    ],
)
def test_an_answer_is_told_by_its_code_and_status(code: str, status: int, kind: Kind) -> None:
    assert classify(answer(code, status)).kind is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), Kind.PASSING),
        (ConnectionResetError("reset"), Kind.PASSING),
        (TimeoutError(), Kind.PASSING),
        (FileNotFoundError("gone"), Kind.MISSING),
        (FileExistsError("there"), Kind.EXISTS),
        (PermissionError("no"), Kind.FINAL),
        (NotImplementedError("create"), Kind.UNSUPPORTED),
        (NoCredentialsError(), Kind.CREDENTIALS),
    ],
)
def test_an_exception_is_told_by_its_kind(error: Exception, kind: Kind) -> None:
    assert classify(error).kind is kind
    assert classify(error).reason


@given(st.text(max_size=30), st.integers(0, 599))
def test_nothing_but_a_missing_key_is_a_miss(code: str, status: int) -> None:
    assert (classify(answer(code, status)).kind is Kind.MISSING) == (code == "NoSuchKey")


def test_no_secret_is_repeated() -> None:
    url = "https://user:hunter2@example.org/bucket?X-Amz-Signature=abcd&X-Amz-Security-Token=efgh"
    reason = classify(EndpointConnectionError(endpoint_url=url)).reason
    assert not any(secret in reason for secret in ("hunter2", "abcd", "efgh"))
    assert "example.org" in reason
