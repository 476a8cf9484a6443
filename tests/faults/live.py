"""The service as it runs: processes of its own with one worker, on loopback."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from models.release import Releases
from service.demonstration import free_port
from service.serve import running


@dataclass(frozen=True)
class Live:
    """A running service.

    Parameters
    ----------
    url : str
        Its base URL.
    port : int
        Of 127.0.0.1.
    """

    url: str
    port: int

    @property
    def worker(self) -> psutil.Process:
        """The one process that answers calls."""
        (found,) = (process for process in psutil.Process().children(recursive=True) if self._serves(process))
        return found

    def _serves(self, process: psutil.Process) -> bool:
        with suppress(psutil.NoSuchProcess):
            return "_bentoml_impl.worker.service" in process.cmdline() and any(
                connection.status == psutil.CONN_LISTEN and connection.laddr.port == self.port
                for connection in process.net_connections("tcp4")
            )
        return False

    def connect(self, *, receives: int | None = None) -> socket.socket:
        """Open a bare connection; ``receives`` = bytes that its system takes in before anybody reads them."""
        connection = socket.socket()
        if receives:
            # before the connection is made: the window is agreed on then
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        connection.settimeout(60)
        connection.connect(("127.0.0.1", self.port))
        return connection


@contextmanager
def live(releases: Releases, home: Path) -> Iterator[Live]:
    """Run the service over a folder until the block ends; it must be alive then."""
    port = free_port()
    with running(releases.folder, port, home=home) as url:
        service = Live(url, port)
        first = service.worker
        yield service
        assert httpx.get(f"{url}/readyz", timeout=60).status_code == 200
        assert service.worker == first, "the worker was replaced"


def head(path: str, *headers: str) -> bytes:
    """Return the head of a POST of JSON with further headers, down to the empty line."""
    lines = (f"POST {path} HTTP/1.1", "Host: foresell", "Content-Type: application/json", *headers)
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answered(connection: socket.socket) -> bytes:
    """Return everything that comes until the other side closes."""
    taken = bytearray()
    while part := connection.recv(65536):
        taken += part
    return bytes(taken)
