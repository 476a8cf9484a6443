"""A TCP proxy on loopback that makes HTTP between two processes slow, cuts it, or closes half of it."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Literal

Kind = Literal["late", "reset", "half-closed"]
_CHUNK = 65_536
_NO_LINGER = struct.pack("ii", 1, 0)


class Proxy:
    """Passes connections on to a port of 127.0.0.1.

    Parameters
    ----------
    target : int
        The port.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.injected = 0
        """How many requests a fault has hit since it was set."""
        self._kind: Kind | None = None
        self._hits: Callable[[str], bool] = lambda _: True
        self._seconds = 0.0
        self._loop = asyncio.new_event_loop()

    def set_fault(self, kind: Kind | None, hits: Callable[[str], bool] = lambda _: True, *, seconds: float = 0) -> None:
        """Let requests whose first line is hit be answered late, or not at all, from now on; None = none of them.

        What is cut or half closed never reaches the target; what is late does.
        """
        self._hits, self._seconds, self.injected = hits, seconds, 0
        self._kind = kind

    def run(self, ready: threading.Event) -> None:
        """Serve until ``stop``."""
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()
        server.close()
        pending = asyncio.all_tasks(self._loop)
        for task in pending:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        # connections that were closed are over once the loop has gone round
        self._loop.run_until_complete(asyncio.sleep(0.1))
        self._loop.close()

    def stop(self) -> None:
        """Serve no longer."""
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            answers, requests = await asyncio.open_connection("127.0.0.1", self.target)
            with closing(requests):
                back = asyncio.create_task(self._pass_on(answers, writer))
                try:
                    await self._ask(reader, writer, requests)
                finally:
                    back.cancel()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: asyncio.StreamWriter
    ) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK):
                if self._is_hit(chunk):
                    self.injected += 1
                    if self._kind == "reset":
                        # with nothing to linger for the system sends RST
                        sock: socket.socket = writer.get_extra_info("socket")
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                        return
                    if self._kind == "half-closed":
                        writer.write_eof()
                        continue
                    await asyncio.sleep(self._seconds)
                requests.write(chunk)
                await requests.drain()

    def _is_hit(self, chunk: bytes) -> bool:
        """Say whether a fault hits what a client sent; a body that comes by itself has no first line of a request."""
        line = chunk.split(b"\r\n", 1)[0].decode("latin-1")
        return self._kind is not None and line.endswith("HTTP/1.1") and self._hits(line)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK):
                writer.write(chunk)
                await writer.drain()


@contextmanager
def proxied(target: int) -> Iterator[Proxy]:
    """Run a proxy to a port until the block ends."""
    proxy, ready = Proxy(target), threading.Event()
    thread = threading.Thread(target=proxy.run, args=(ready,), name="proxy")
    thread.start()
    ready.wait(30)
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join(30)
