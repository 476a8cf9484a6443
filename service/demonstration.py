"""A demonstration: a running service is asked about real customers of the current release."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import orjson

from service.release import open_release
from service.serve import running


def demonstrate(releases: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Start the service on a free port and ask every prediction.

    Parameters
    ----------
    releases : Path
        The releases folder.

    Yields
    ------
    tuple of str and dict
        What was asked, as one would type it, and the answer.
    """
    served = open_release(releases).served
    with running(releases, free_port()) as url:
        for name, each in served.items():
            for body in each.prediction.examples(each):
                yield f"POST /v1/{name} {orjson.dumps(body).decode()}", ask(f"{url}/v1/{name}", body)


def ask(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Call an endpoint of a service on this machine and return its JSON; GET without a body."""
    content = None if body is None else orjson.dumps(body)
    request = Request(url, content, {"Content-Type": "application/json"})  # noqa: S310 (loopback)
    with urlopen(request, timeout=60) as answer:  # noqa: S310
        found: dict[str, Any] = orjson.loads(answer.read())
    return found


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
