"""What went wrong with a remote store: is the file missing, may it pass, or is there no use in trying again?"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any


class Kind(Enum):
    """What a failure means for who asked.

    ``CREDENTIALS`` are wrong from the start, or were exchanged for others in mid-run.
    """

    MISSING = auto()
    EXISTS = auto()
    EMPTY = auto()
    PASSING = auto()
    EXPIRED = auto()
    CREDENTIALS = auto()
    DENIED = auto()
    UNSUPPORTED = auto()
    MISTAKE = auto()
    FINAL = auto()


@dataclass(frozen=True)
class Failure:
    """A failure, told apart.

    Attributes:
        kind: What it means.
        reason: In words, without secrets.
        remedy: What the user can do.
        code: S3's own code, where it gave one.
    """

    kind: Kind
    reason: str
    remedy: str = "check the store, then run the same command again"
    code: str = ""


_CREDENTIALS = "correct the credentials (AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"

# S3's error codes. What is not here is judged by its HTTP status.
_CODES = {
    "NoSuchKey": (Kind.MISSING, ""),
    "PreconditionFailed": (Kind.EXISTS, ""),
    "InvalidRange": (Kind.EMPTY, ""),
    "ConditionalRequestConflict": (Kind.PASSING, ""),
    "OperationAborted": (Kind.PASSING, ""),
    "RequestTimeout": (Kind.PASSING, ""),
    "NoSuchUpload": (Kind.PASSING, ""),
    "InvalidPart": (Kind.PASSING, ""),
    "XAmzContentSHA256Mismatch": (Kind.PASSING, ""),
    "BadDigest": (Kind.PASSING, ""),
    "IncompleteBody": (Kind.PASSING, ""),
    "ExpiredToken": (Kind.EXPIRED, "renew the credentials, then run the same command again"),
    "ExpiredTokenException": (Kind.EXPIRED, "renew the credentials, then run the same command again"),
    "TokenRefreshRequired": (Kind.EXPIRED, "renew the credentials, then run the same command again"),
    "NotImplemented": (Kind.UNSUPPORTED, ""),
    "NoSuchBucket": (Kind.MISTAKE, "create it or correct --store"),
    "InvalidBucketName": (Kind.MISTAKE, "correct --store"),
    "PermanentRedirect": (Kind.MISTAKE, "set AWS_DEFAULT_REGION to the bucket's region"),
    "AuthorizationHeaderMalformed": (Kind.MISTAKE, "set AWS_DEFAULT_REGION to the bucket's region"),
    # A machine that was suspended sets its clock after a while.
    "RequestTimeTooSkewed": (Kind.PASSING, "set this machine's clock"),
    "RequestExpired": (Kind.PASSING, "set this machine's clock"),
    "InvalidObjectState": (Kind.FINAL, "bring it back from the archive, and keep the store's files out of it"),
    "AccessDenied": (Kind.DENIED, "ask for the right to read, write, list and delete there, or " + _CREDENTIALS),
    "InvalidAccessKeyId": (Kind.CREDENTIALS, _CREDENTIALS),
    "InvalidToken": (Kind.CREDENTIALS, _CREDENTIALS),
    "SignatureDoesNotMatch": (Kind.CREDENTIALS, _CREDENTIALS),
    "QuotaExceeded": (Kind.FINAL, "free some space (saga gc), then run the same command again"),
}

# Exceptions of the client that tell of a mistake before anything was sent, by name: importing them costs half a second.
_NAMES = {
    "ProfileNotFound": "correct AWS_PROFILE",
    "ConfigParseError": "correct the AWS configuration file",
    "ParamValidationError": "correct --store",
    "InvalidEndpointConfigurationError": "correct AWS_ENDPOINT_URL",
    "InvalidRegionError": "correct AWS_DEFAULT_REGION",
    "SSOTokenLoadError": "log in again: aws sso login",
    "TokenRetrievalError": "log in again: aws sso login",
    "UnauthorizedSSOTokenError": "log in again: aws sso login",
}

# Of botocore and aiohttp, for an endpoint that is none.
_OF_A_URL = re.compile(r"\b(endpoint|URL|port|region)\b", re.IGNORECASE)
_NO_URL = {
    "EndpointProviderError",
    "EndpointResolutionError",
    "InvalidURL",
    "InvalidUrlClientError",
    "NonHttpUrlClientError",
    "NonHttpUrlRedirectClientError",
}


def classify(error: BaseException) -> Failure:
    """Tell what an exception of fsspec or its clients means.

    Only S3's own ``NoSuchKey`` is a missing file: a 404 that does not say so may come from a gateway whose server is
    away.

    Args:
        error: What an operation raised.
    """
    response = _response(error)
    if response is not None:
        return _of_response(response)
    name = type(error).__name__
    if name in _NAMES:
        return Failure(Kind.MISTAKE, _words(error), _NAMES[name])
    if name in _NO_URL or (isinstance(error, ValueError) and _OF_A_URL.search(str(error))):
        return Failure(Kind.MISTAKE, _words(error), "correct AWS_ENDPOINT_URL and AWS_DEFAULT_REGION")
    if name in ("NoCredentialsError", "PartialCredentialsError"):
        return Failure(Kind.CREDENTIALS, _words(error), _CREDENTIALS)
    if name == "CredentialRetrievalError":
        # The service that gives them may be away for a moment.
        return Failure(Kind.EXPIRED, _words(error), _CREDENTIALS)
    if isinstance(error, FileNotFoundError):
        return Failure(Kind.MISSING, _words(error))
    if isinstance(error, FileExistsError):
        return Failure(Kind.EXISTS, _words(error))
    if isinstance(error, PermissionError):
        return Failure(Kind.FINAL, _words(error), _CREDENTIALS)
    if isinstance(error, NotImplementedError):
        return Failure(Kind.UNSUPPORTED, _words(error))
    if isinstance(error, TypeError | AttributeError | KeyError | MemoryError):
        # A mistake of ours or of the client's; trying again will not mend it.
        return Failure(Kind.FINAL, f"{name}: {_words(error)}")
    return Failure(Kind.PASSING, _words(error))


def _of_response(response: dict[str, Any]) -> Failure:
    told = response.get("Error", {})
    code, message = str(told.get("Code") or ""), str(told.get("Message") or "")
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
    reason = _clean(f"{code} ({message})" if message and message != code else code or f"status {status}")
    kind, remedy = _CODES.get(code) or _of_status(status)
    return Failure(kind, reason, remedy or Failure.remedy, code)


def _of_status(status: int) -> tuple[Kind, str]:
    if status == 412:
        return Kind.EXISTS, ""
    if status in (401, 403):
        return Kind.FINAL, _CREDENTIALS
    if status == 507:
        return Kind.FINAL, "free some space (saga gc), then run the same command again"
    if 400 <= status < 500 and status not in (404, 408, 409, 425, 429):
        return Kind.FINAL, ""
    return Kind.PASSING, ""


def _response(error: BaseException | None) -> dict[str, Any] | None:
    # s3fs turns the client's exceptions into Python's and keeps the original as the cause.
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict) and "Error" in response:
            return response
        error = error.__cause__
    return None


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError | asyncio.TimeoutError) and not str(error):
        return "no answer in time"
    return _clean(str(error) or type(error).__name__)


def _clean(text: str) -> str:
    """Shorten to one line, without user names and passwords of a URL and without signed parameters."""
    text = re.sub(r"//[^@\s]*@", "//***@", text)
    text = re.sub(
        r"(?i)(x-amz-[a-z-]*(?:signature|credential|token)[a-z-]*|token|secret|password)=[^&\s]+", r"\1=***", text
    )
    return " ".join(text.split())[:300]
