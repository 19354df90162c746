"""What can go wrong between a client and its store, and a seeded plan of when it does."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from servers.exchanges import Exchange
from servers.http_messages import Head

FaultKind = Literal[
    # Answers in the server's place, the request not forwarded.
    "500",
    "503",
    "429",
    "expired",
    "denied",
    "plain404",
    "garbage",
    # No answer: the proxy keeps silent until the client gives up; the connection is reset before the request is
    # forwarded; after the server has carried it out.
    "timeout",
    "reset",
    "reset_after",
    # The server's answer, cut off in the middle of its body; one byte of an object's body flipped.
    "truncate",
    "corrupt",
]
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

_HTML = b"<html><head><title>%s</title></head><body><h1>%s</h1></body></html>"


def _xml(code: str, message: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message>'
        "<RequestId>0</RequestId></Error>"
    ).encode()


# Status line, content type, body.
_ANSWERS: dict[str, tuple[str, str, bytes]] = {
    "500": ("500 Internal Server Error", "application/xml", _xml("InternalError", "We encountered an internal error.")),
    "503": ("503 Service Unavailable", "application/xml", _xml("SlowDown", "Please reduce your request rate.")),
    "429": ("429 Too Many Requests", "application/xml", _xml("TooManyRequests", "Please reduce your request rate.")),
    "expired": ("400 Bad Request", "application/xml", _xml("ExpiredToken", "The provided token has expired.")),
    "denied": ("403 Forbidden", "application/xml", _xml("AccessDenied", "Access Denied")),
    # As a load balancer answers that knows nothing of S3.
    "plain404": ("404 Not Found", "text/html", _HTML % (b"404 Not Found", b"404 Not Found")),
    "garbage": ("200 OK", "text/html", _HTML % (b"Welcome", b"It works!")),
}


def answer_for(kind: FaultKind) -> tuple[Head, bytes] | None:
    """Return what is answered in the server's place, None for a fault that is no answer."""
    if kind not in _ANSWERS:
        return None
    line, content_type, content = _ANSWERS[kind]
    return Head(f"HTTP/1.1 {line}", (("Content-Type", content_type), ("Content-Length", str(len(content))))), content


Where = Callable[[Exchange], bool]


def anywhere(_: Exchange) -> bool:
    """Match every request."""
    return True


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong with a probability.

    Attributes:
        kind: What.
        probability: Of each matching request.
        where: Which requests; all of them unless told. By themselves ``truncate`` touches only answers with a body,
            ``corrupt`` only objects read.
        times: At most so often.
    """

    kind: FaultKind
    probability: float = 1.0
    where: Where = anywhere
    times: int | None = None


class Plan:
    """Chooses faults by a seed: the n-th request for an operation on a path fares alike, whatever runs beside it."""

    def __init__(self, faults: Sequence[Fault], seed: int) -> None:
        self.faults = tuple(faults)
        self._seed = seed
        self._seen: Counter[tuple[str, str]] = Counter()
        self._done: Counter[int] = Counter()

    def dice(self, exchange: Exchange) -> random.Random:
        """Return the source of chance for a request; once for each."""
        key = (exchange.kind, exchange.path)
        self._seen[key] += 1
        return random.Random(f"{self._seed} {key} {self._seen[key]}")

    def choose(self, exchange: Exchange, dice: random.Random) -> FaultKind | None:
        """Return the first fault that befalls a request."""
        for index, fault in enumerate(self.faults):
            chance = dice.random()
            spent = fault.times is not None and self._done[index] >= fault.times
            if chance < fault.probability and not spent and _applies(fault.kind, exchange) and fault.where(exchange):
                self._done[index] += 1
                return fault.kind
        return None


def _applies(kind: FaultKind, exchange: Exchange) -> bool:
    if kind == "corrupt":
        return exchange.kind == "GET"
    return kind != "truncate" or exchange.method in ("GET", "POST")
