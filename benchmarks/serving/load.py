"""Calls from several connections, and what they cost the server: processor time of its whole process tree.

Wall time on a shared machine says little; processor time a call and the ratios of calls measured in one run do.
"""

import http.client
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from time import monotonic
from typing import Any

import orjson
import psutil

CONNECTIONS = 8
ROUNDS = 5


@dataclass(frozen=True)
class Server:
    """A server that was started here.

    Parameters
    ----------
    port : int
        On 127.0.0.1.
    process : psutil.Process
        The root of its tree.
    """

    port: int
    process: psutil.Process

    @property
    def processor_seconds(self) -> float:
        """What its whole tree has used; children that have ended are not counted, so that none must end meanwhile."""
        tree = [self.process, *self.process.children(recursive=True)]
        times = [each.cpu_times() for each in tree]
        return sum(each.user + each.system for each in times)


@dataclass(frozen=True)
class Call:
    """One kind of call.

    Parameters
    ----------
    path : str
    body : bytes
        JSON.
    count : int
        Calls a round.
    connections : int
        At once.
    """

    path: str
    body: bytes
    count: int
    connections: int = CONNECTIONS

    @classmethod
    def of(cls, path: str, body: Any, count: int, connections: int = CONNECTIONS) -> "Call":
        """Return a call with a body that is yet to be written as JSON."""
        return cls(path, orjson.dumps(body), count, connections)


@dataclass
class Spent:
    """What one kind of call cost in each round: processor seconds of the server, a call."""

    rounds: list[float] = field(default_factory=list)

    @property
    def typical(self) -> float:
        """The median round."""
        return median(self.rounds)

    @property
    def plain(self) -> dict[str, float]:
        """Median and range in milliseconds."""
        return {
            "median": 1_000 * self.typical,
            "low": 1_000 * min(self.rounds),
            "high": 1_000 * max(self.rounds),
        }


def alternated(calls: Mapping[str, tuple[Server, Call]], rounds: int = ROUNDS) -> dict[str, Spent]:
    """Measure every call in every round, so that a busy minute falls on all of them; the first round warms up."""
    spent = {name: Spent() for name in calls}
    for turn in range(rounds + 1):
        for name, (server, call) in calls.items():
            cost = processor_seconds(server, call)
            if turn:
                spent[name].rounds.append(cost)
    return spent


def processor_seconds(server: Server, call: Call) -> float:
    """Return the server's processor time a call."""
    each = max(call.count // call.connections, 1)
    with ThreadPoolExecutor(call.connections) as pool:
        before = server.processor_seconds
        list(pool.map(lambda _: repeat(server.port, call, each), range(call.connections)))
        return (server.processor_seconds - before) / (each * call.connections)


def repeat(port: int, call: Call, count: int) -> list[float]:
    """Call over one kept connection; return the seconds that each call took."""
    took = []
    with connection(port) as kept:
        for _ in range(count):
            began = monotonic()
            kept.request("POST", call.path, call.body, {"Content-Type": "application/json"})
            answer = kept.getresponse()
            content = answer.read()
            took.append(monotonic() - began)
            if answer.status != http.client.OK:
                raise RuntimeError(f"{call.path} answered {answer.status}: {content[:300]!r}")
    return took


@contextmanager
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    """Open a connection to this machine."""
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        yield kept
    finally:
        kept.close()


def started(before: Sequence[psutil.Process]) -> psutil.Process:
    """Return the one child of this process that is not among those of before."""
    (process,) = set(psutil.Process().children()) - set(before)
    return process
