"""A proxy between a client and a store on loopback, at which things go wrong as planned and everything is counted.

Used by tests from a thread of its own, or as a program::

    python -m servers.proxy 7480 --fault 503=0.1 --fault reset_after=0.02 --strip-conditions 0.5
"""

import argparse
import asyncio
import signal
from collections import Counter
from collections.abc import Callable, Coroutine
from threading import Thread
from typing import Any

from servers import ports
from servers.exchanges import Exchange, table
from servers.faults import KINDS, Fault, Plan, Where, anywhere
from servers.forwarding import Behaviour, ClientReader, Connection, Hook
from servers.s3_endpoint import S3Endpoint


class FaultProxy(S3Endpoint):
    """Forwards to a server what no fault befalls, byte for byte and without holding bodies in memory.

    A request of a server that can't be reached is reset. Its methods may be called from any thread.
    """

    def __init__(
        self,
        upstream: S3Endpoint,
        *faults: Fault,
        seed: int = 0,
        strip_conditions: float = 0.0,
        port: int | None = None,
    ) -> None:
        """Plan a proxy.

        Args:
            upstream: The server.
            faults: What goes wrong; the first that befalls a request is the one that does.
            seed: Of chance.
            strip_conditions: Probability that a write loses its ``If-Match`` and ``If-None-Match``: 1 for a store that
                ignores conditions, less for one where writers race.
            port: Where to listen.
        """
        super().__init__(port or ports.reserve())
        self.access_key, self.secret_key = upstream.access_key, upstream.secret_key
        self._seed = seed
        self._behaviour = Behaviour(upstream, Plan(faults, seed), strip_conditions)
        self._connections: set[Connection] = set()
        self._listening: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None

    @property
    def log(self) -> list[Exchange]:
        """Every request in the order in which they came."""
        return self._behaviour.log

    @property
    def requests(self) -> Counter[str]:
        """Number of requests by kind."""
        return Counter(exchange.kind for exchange in self.log)

    @property
    def faults(self) -> Counter[str]:
        """Number of injected faults by kind."""
        return Counter(exchange.fault for exchange in self.log if exchange.fault)

    def table(self) -> str:
        """Return requests, bytes and faults by kind, for printing."""
        return table(self.log)

    def inject(self, *faults: Fault) -> None:
        """Let other things go wrong from now on; nothing at all without arguments."""
        self._behaviour.plan = Plan(faults, self._seed)

    def strip_conditions(self, probability: float) -> None:
        """Let writes lose their conditions from now on."""
        self._behaviour.strip = probability

    def at_half(self, act: Callable[[Exchange], bool | None], nth: int = 1, where: Where = anywhere) -> None:
        """Do something once, when the n-th matching request has had half of its body forwarded, and no byte more.

        The body is the request's, or that of the answer to a request without one.

        Args:
            act: Runs in the proxy's thread. When it returns True, both connections are reset there and then; without
                that, what a killed client had already handed to its kernel is still forwarded.
            nth: Which of the matching requests, from 1.
            where: Which requests count.
        """
        self._behaviour.hooks.append(Hook(act, where, nth))

    def pause(self) -> None:
        """Let everything hang, what is under way and what comes."""
        self._call(self._behaviour.running.clear)

    def resume(self) -> None:
        """Go on with whatever hangs and whose client has not given up."""
        self._call(self._behaviour.running.set)

    def down(self) -> None:
        """Reset every connection and refuse new ones."""
        self._call(self._close)

    def up(self) -> None:
        """Listen again."""
        self._await(self._listen())

    def start(self) -> None:
        """Listen, in a thread of its own."""
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="fault proxy", daemon=True)
        self._thread.start()
        self.up()

    def stop(self) -> None:
        """End every connection and the thread."""
        if self._loop is None or self._thread is None:
            return
        self._await(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None

    def _call(self, function: Callable[[], None]) -> None:
        async def run() -> None:
            function()

        self._await(run())

    def _await(self, coroutine: Coroutine[Any, Any, None]) -> None:
        assert self._loop, "the proxy has not been started"
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _listen(self) -> None:
        def protocol() -> asyncio.StreamReaderProtocol:
            reader = ClientReader()
            return asyncio.StreamReaderProtocol(reader, lambda _, writer: self._serve(reader, writer))

        self._listening = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", self.port, backlog=256)

    async def _serve(self, reader: ClientReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self._behaviour, reader, writer)
        self._connections.add(connection)
        try:
            await connection.serve()
        finally:
            self._connections.discard(connection)

    def _close(self) -> None:
        if self._listening:
            self._listening.close()
            self._listening = None
        for connection in list(self._connections):
            connection.reset()

    async def _end(self) -> None:
        self._close()
        self._behaviour.running.set()
        # What was reset ends by itself, and then, a turn of the loop later, the generators that it leaves.
        async with asyncio.timeout(10):
            while others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(others)
                await asyncio.sleep(0)
        await asyncio.get_running_loop().shutdown_asyncgens()


def main() -> None:
    """Run the proxy until SIGINT or SIGTERM, then print the table."""
    parser = argparse.ArgumentParser(description="A proxy to an S3 server on loopback, at which things go wrong")
    parser.add_argument("upstream", type=int, help="the server's port")
    parser.add_argument("--port", type=int)
    parser.add_argument("--fault", action="append", default=[], metavar="KIND=PROBABILITY", help=", ".join(KINDS))
    parser.add_argument("--strip-conditions", type=float, default=0.0, metavar="PROBABILITY")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    faults = [Fault(kind, float(probability)) for kind, _, probability in (f.partition("=") for f in chosen.fault)]
    if unknown := {fault.kind for fault in faults} - set(KINDS):
        parser.error(f"no such fault: {', '.join(unknown)}")
    upstream = S3Endpoint(chosen.upstream)
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    with FaultProxy(
        upstream, *faults, seed=chosen.seed, strip_conditions=chosen.strip_conditions, port=chosen.port
    ) as proxy:
        print(proxy.endpoint, flush=True)
        signal.sigwait(ends)
    print(proxy.table())


if __name__ == "__main__":
    main()
