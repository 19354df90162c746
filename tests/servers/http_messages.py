"""As much of HTTP/1.1 as a proxy needs: the head of a message, and its body piece by piece as it came."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Self

PIECE = 1 << 18


@dataclass(frozen=True)
class Head:
    """The first line and the headers of a request or an answer.

    Attributes:
        first: The request or status line.
        headers: Name and value, in order and spelt as they came.
    """

    first: str
    headers: tuple[tuple[str, str], ...]

    @classmethod
    async def read(cls, reader: asyncio.StreamReader) -> Self:
        """Read a head.

        Raises:
            asyncio.IncompleteReadError: When the connection ends before one is complete.
        """
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        pairs = (line.partition(":") for line in lines)
        return cls(first, tuple((name, value.strip()) for name, _, value in pairs))

    def get(self, name: str) -> str | None:
        """Return a header's value, None without one."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    def changed(self, **new: str | None) -> Self:
        """Return a copy with headers replaced, or left out where None; underscores stand for hyphens."""
        values = {name.replace("_", "-"): value for name, value in new.items()}
        kept = [pair for pair in self.headers if pair[0].lower() not in values]
        return type(self)(self.first, (*kept, *((name, value) for name, value in values.items() if value is not None)))

    def encode(self) -> bytes:
        """Return the bytes to send."""
        return "\r\n".join([self.first, *(f"{name}: {value}" for name, value in self.headers), "", ""]).encode(
            "latin-1"
        )

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks of HTTP's own, its length unknown."""
        return "chunked" in (self.get("transfer-encoding") or "").lower()

    @property
    def length(self) -> int | None:
        """The announced length of the body."""
        value = self.get("content-length")
        return None if value is None or self.chunked else int(value)

    @property
    def status(self) -> int:
        """An answer's status."""
        return int(self.first.split(" ", 2)[1])


async def body(reader: asyncio.StreamReader, head: Head, until_close: bool = False) -> AsyncIterator[bytes]:
    """Yield the bytes of a body as they came, the framing of chunks among them.

    Args:
        reader: The connection, its head read.
        head: What says where the body ends.
        until_close: The body of a head that says nothing lasts until the connection ends; otherwise there is none.

    Raises:
        asyncio.IncompleteReadError: When the connection ends before the body does.
    """
    if head.chunked:
        while size := int((line := await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            yield line
            async for piece in _exactly(reader, size + 2):
                yield piece
        yield line
        while line != b"\r\n":
            # Trailers, and the empty line that ends them.
            line = await reader.readuntil(b"\r\n")
            yield line
    elif head.length is not None:
        async for piece in _exactly(reader, head.length):
            yield piece
    elif until_close:
        while piece := await reader.read(PIECE):
            yield piece


async def _exactly(reader: asyncio.StreamReader, count: int) -> AsyncIterator[bytes]:
    while count:
        piece = await reader.read(min(PIECE, count))
        if not piece:
            raise asyncio.IncompleteReadError(b"", count)
        count -= len(piece)
        yield piece
