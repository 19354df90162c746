"""What the proxy records of a request and its answer, and the printed summary."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from servers.http_messages import Head


@dataclass
class Exchange:
    """A request on its way through the proxy; what is known of its answer grows.

    Attributes:
        time: When it came, in seconds since 1970.
        method: Of HTTP.
        path: ``/bucket/key``, decoded.
        kind: The operation: PUT, GET, HEAD, DELETE, LIST, COPY, CREATE_UPLOAD, UPLOAD_PART, LIST_PARTS,
            COMPLETE_UPLOAD, ABORT_UPLOAD, LIST_UPLOADS, DELETE_MANY, or BUCKET for what is done to a bucket itself.
        head: The request's first line and headers, as the client sent them.
        status: What the client was answered; None while or where it was not.
        fault: What was injected.
        stripped: Whether conditions were taken from it.
        sent: Bytes of its body that went to the server.
        received: Bytes of the answer's body that went to the client.
    """

    time: float
    method: str
    path: str
    kind: str
    head: Head = field(repr=False)
    status: int | None = None
    fault: str | None = None
    stripped: bool = False
    sent: int = 0
    received: int = 0

    @classmethod
    def of(cls, head: Head, time: float) -> "Exchange":
        """Name what a request asks for."""
        method, target, _ = head.first.split(" ", 2)
        parts = urlsplit(target)
        path = unquote(parts.path)
        query = parse_qs(parts.query, keep_blank_values=True)
        return cls(time, method, path, _kind(method, path, query.keys(), head), head)


def _kind(method: str, path: str, query: Iterable[str], head: Head) -> str:
    named = set(query)
    if "/" not in path.strip("/"):
        if method == "GET":
            return "LIST_UPLOADS" if "uploads" in named else "LIST"
        return "DELETE_MANY" if "delete" in named else "BUCKET"
    if "uploads" in named:
        return "CREATE_UPLOAD"
    if "uploadId" in named:
        upload = {"PUT": "UPLOAD_PART", "POST": "COMPLETE_UPLOAD", "DELETE": "ABORT_UPLOAD", "GET": "LIST_PARTS"}
        return upload[method]
    return "COPY" if head.get("x-amz-copy-source") else method


def table(log: Iterable[Exchange]) -> str:
    """Return requests, bytes and faults by kind, for printing."""
    log = list(log)
    rows = [("request", "count", "faulty", "stripped", "MB up", "MB down")]
    for kind in [*sorted({exchange.kind for exchange in log}), "all"]:
        those = [exchange for exchange in log if kind in (exchange.kind, "all")]
        faulty, stripped = sum(e.fault is not None for e in those), sum(e.stripped for e in those)
        up, down = (f"{sum(sizes) / 1e6:.1f}" for sizes in ([e.sent for e in those], [e.received for e in those]))
        rows.append((kind, str(len(those)), str(faulty), str(stripped), up, down))
    lines = [f"{row[0]:16}" + "".join(f"{cell:>10}" for cell in row[1:]) for row in rows]
    faults = Counter(exchange.fault for exchange in log if exchange.fault)
    return "\n".join([*lines, *(f"fault {kind:10}{count:>10}" for kind, count in sorted(faults.items()))])
