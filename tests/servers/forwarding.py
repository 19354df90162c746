"""One client's connection through the proxy: requests forwarded to the server, or what befalls them instead."""

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from random import Random

from servers.exchanges import Exchange
from servers.faults import Plan, Where, answer_for
from servers.http_messages import PIECE, Head, body
from servers.s3_endpoint import S3Endpoint
from servers.signature import CONDITIONS, strip_conditions

# How long a client may take to read an answer that came before it had sent everything.
_LINGER = 2.0
# How long an answer waits for the last of the request that it answers.
_GRACE = 0.2


@dataclass
class Hook:
    """What to do in the middle of the n-th matching body.

    Attributes:
        act: Gets the exchange; what it returns says whether both connections end there.
        where: Which requests count.
        left: Matching requests until it acts.
    """

    act: Callable[[Exchange], bool | None]
    where: Where
    left: int


class Behaviour:
    """What the proxy's connections share: how they shall behave now, and what they have seen."""

    def __init__(self, upstream: S3Endpoint, plan: Plan, strip: float) -> None:
        self.upstream = upstream
        self.plan = plan
        self.strip = strip
        self.hooks: list[Hook] = []
        self.log: list[Exchange] = []
        self.running = asyncio.Event()
        self.running.set()

    def at_half(self, exchange: Exchange) -> bool:
        """Run the hooks whose turn it is, and return whether the request ends here."""
        ends = False
        for hook in [hook for hook in self.hooks if hook.where(exchange)]:
            hook.left -= 1
            if hook.left == 0:
                self.hooks.remove(hook)
                ends |= bool(hook.act(exchange))
        return ends


class ClientReader(asyncio.StreamReader):
    """Tells when the client has gone, even while there is something left to read."""

    def __init__(self) -> None:
        super().__init__(limit=PIECE)
        self.gone = asyncio.Event()

    def feed_eof(self) -> None:
        super().feed_eof()
        self.gone.set()

    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc)
        self.gone.set()


class Connection:
    """A client's connection, and the one to the server that goes with it."""

    def __init__(self, behaviour: Behaviour, reader: ClientReader, writer: asyncio.StreamWriter) -> None:
        self._behaviour = behaviour
        self._reader = reader
        self._writer = writer
        self._server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def serve(self) -> None:
        """Take requests until one side ends the connection."""
        try:
            while await self._exchange():
                pass
        except (OSError, asyncio.IncompleteReadError):
            # The server's fate is the client's: whatever was under way is reset.
            self.reset()
        finally:
            self._writer.close()
            self._leave_server()

    def reset(self) -> None:
        """End both connections without good-bye."""
        # Closed with a linger of zero, a socket sends RST; it may have closed already.
        with contextlib.suppress(OSError):
            self._writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        self._writer.transport.abort()
        self._leave_server()

    async def _exchange(self) -> bool:
        """Take a request, and return whether another may follow."""
        head = await Head.read(self._reader)
        exchange = Exchange.of(head, time.time())
        self._behaviour.log.append(exchange)
        await self._until_running()
        dice = self._behaviour.plan.dice(exchange)
        exchange.fault = self._behaviour.plan.choose(exchange, dice)
        if exchange.fault == "timeout":
            while await self._reader.read(PIECE):
                pass
            return False
        if exchange.fault == "reset":
            self.reset()
            return False
        if exchange.fault and (answer := answer_for(exchange.fault)):
            return await self._answer(exchange, *answer)
        return await self._forward(exchange, self._stripped(exchange, dice))

    async def _until_running(self) -> None:
        """Wait while the proxy is paused; a client that gives up meanwhile takes its request with it."""
        if self._behaviour.running.is_set():
            return
        waits = [asyncio.ensure_future(event.wait()) for event in (self._behaviour.running, self._reader.gone)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._reader.gone.is_set():
            raise ConnectionResetError

    def _stripped(self, exchange: Exchange, dice: Random) -> Head:
        head = exchange.head
        conditional = exchange.method not in ("GET", "HEAD") and any(head.get(name) for name in CONDITIONS)
        if not conditional or dice.random() >= self._behaviour.strip:
            return head
        exchange.stripped = True
        server = self._behaviour.upstream
        return strip_conditions(head, server.access_key, server.secret_key, server.region)

    async def _answer(self, exchange: Exchange, head: Head, content: bytes) -> bool:
        """Answer in the server's place."""
        exchange.status = head.status
        # A client that asked first keeps its body when the answer is no.
        waiting = exchange.head.get("expect") is not None
        if not waiting:
            async for _ in body(self._reader, exchange.head):
                pass
        self._writer.write((head.changed(connection="close") if waiting else head).encode())
        if exchange.method != "HEAD":
            self._writer.write(content)
        await self._writer.drain()
        return not waiting or await self._linger()

    async def _forward(self, exchange: Exchange, head: Head) -> bool:
        reader, writer = await self._connect()
        writer.write(head.encode())
        upload = asyncio.create_task(self._upload(exchange, writer))
        answer = asyncio.create_task(self._answer_head(reader))
        try:
            await asyncio.wait({upload, answer}, return_when=asyncio.FIRST_COMPLETED)
            if upload.done():
                upload.result()
            reply = await answer
            continued = exchange.sent > 0 or head.get("expect") is None
            if continued and not upload.done():
                await asyncio.wait({upload}, timeout=_GRACE)
            whole = upload.done() and upload.result()
            keep = await self._download(exchange, reader, reply if whole else reply.changed(connection="close"))
            return keep and (whole or await self._linger())
        finally:
            upload.cancel()
            answer.cancel()

    async def _upload(self, exchange: Exchange, writer: asyncio.StreamWriter) -> bool:
        """Forward the body of a request, and return whether the server took all of it."""
        head = exchange.head
        half = (head.length or int(head.get("x-amz-decoded-content-length") or 0)) // 2
        async for piece in _cut(body(self._reader, head), half):
            if exchange.sent == half and self._behaviour.at_half(exchange):
                self.reset()
                raise ConnectionResetError
            await self._behaviour.running.wait()
            try:
                writer.write(piece)
                await writer.drain()
            except ConnectionError:
                # It may have answered before it ended.
                return False
            exchange.sent += len(piece)
        return True

    async def _answer_head(self, reader: asyncio.StreamReader) -> Head:
        while (head := await Head.read(reader)).status < 200:
            # "100 Continue"
            self._writer.write(head.encode())
            await self._writer.drain()
        return head

    async def _download(self, exchange: Exchange, reader: asyncio.StreamReader, head: Head) -> bool:
        """Forward an answer, and return whether the connection can go on."""
        empty = exchange.method == "HEAD" or head.status in (204, 304)
        endless = not empty and head.length is None and not head.chunked
        pieces = _pieces(b"") if empty else body(reader, head, until_close=True)
        if exchange.fault == "reset_after":
            async for _ in pieces:
                pass
            self.reset()
            return False
        length = 0 if empty else head.length or 0
        if exchange.fault == "truncate" and head.chunked:
            content = b"".join([piece async for piece in pieces])
            pieces, length = _pieces(content), len(content)
        if not length or (exchange.fault == "corrupt" and head.status >= 300):
            # Nothing there to be spoilt.
            exchange.fault = None
        exchange.status = head.status
        await self._behaviour.running.wait()
        self._writer.write(head.encode())
        whole = await self._pass(exchange, pieces, length // 2)
        await self._writer.drain()
        closing = "close" in (head.get("connection") or "").lower() or head.first.startswith("HTTP/1.0")
        return whole and not endless and not closing

    async def _pass(self, exchange: Exchange, pieces: AsyncIterator[bytes], half: int) -> bool:
        """Forward the body of an answer, and return whether that was all of it."""
        downloads = not exchange.sent and half > 0
        async for piece in _cut(pieces, half):
            if exchange.received == half:
                if exchange.fault == "truncate":
                    return False
                if exchange.fault == "corrupt":
                    piece = bytes([piece[0] ^ 1]) + piece[1:]
                if downloads and self._behaviour.at_half(exchange):
                    raise ConnectionResetError
            await self._behaviour.running.wait()
            # Counted first: a client that has read all of it may look at the log at once.
            exchange.received += len(piece)
            self._writer.write(piece)
            await self._writer.drain()
        return True

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._server and (self._server[0].at_eof() or self._server[1].is_closing()):
            self._leave_server()
        if self._server is None:
            self._server = await asyncio.open_connection("127.0.0.1", self._behaviour.upstream.port, limit=PIECE)
        return self._server

    def _leave_server(self) -> None:
        if self._server:
            self._server[1].transport.abort()
            self._server = None

    async def _linger(self) -> bool:
        """Close towards the client without losing the answer: what it still sends is read and forgotten."""
        with contextlib.suppress(TimeoutError, OSError):
            self._writer.write_eof()
            async with asyncio.timeout(_LINGER):
                while await self._reader.read(PIECE):
                    pass
        return False


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    if content:
        yield content


async def _cut(pieces: AsyncIterator[bytes], at: int) -> AsyncIterator[bytes]:
    """Yield the pieces of a body so that one of them begins at an offset."""
    done = 0
    async for piece in pieces:
        if done < at < done + len(piece):
            yield piece[: at - done]
            piece, done = piece[at - done :], at
        yield piece
        done += len(piece)
