"""Row 11 of what is promised: who sends or reads slowly costs the others nothing, and a body has its time."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from statistics import median

import httpx
import pytest

from models.release import Releases
from service.bodies import BODY_ENV
from service.openapi import ErrorBody
from service.serve import STOP_SECONDS
from tests.faults.live import Live, answered, head, live
from tests.service.releases import customer_ids

CHURN = "/v1/churn"
SLOW_CLIENTS = 200
BODY_SECONDS = 2.0
CALLS = 300
BODY = {"customers": customer_ids(5)}
MANY = b'{"customers": ["' + b'","'.join(b"c%06d" % (row % 200) for row in range(1_000)) + b'"]}'
UNFINISHED = {
    "length announced": (head(CHURN, "Content-Length: 1000"), b'{"customers": ["c0'),
    "nothing of the body": (head(CHURN, "Content-Length: 1000"), b""),
    "in chunks": (head(CHURN, "Transfer-Encoding: chunked"), b"5\r\n12345\r\n"),
}


@pytest.fixture(scope="module")
def service(sound: Releases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(sound, tmp_path_factory.mktemp("bentos")) as running:
        yield running


@pytest.fixture(scope="module")
def hurried(sound: Releases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A service that waits for a body no longer than two seconds."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv(BODY_ENV, str(BODY_SECONDS))
        with live(sound, tmp_path_factory.mktemp("bentos")) as running:
            yield running


def refused(answer: bytes) -> tuple[bytes, str]:
    """Return the status line and the code of an answer after which the connection was closed."""
    headers, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in headers.lower()
    return headers.partition(b"\r\n")[0], ErrorBody.model_validate_json(body).error.code


@pytest.mark.slow
@pytest.mark.parametrize("unfinished", UNFINISHED.values(), ids=UNFINISHED)
def test_a_body_that_does_not_come_is_answered_in_time_and_the_connection_closed(
    hurried: Live, unfinished: tuple[bytes, bytes]
) -> None:
    with hurried.connect() as connection:
        began = time.monotonic()
        for part in unfinished:
            connection.sendall(part)
        answer = answered(connection)
        took = time.monotonic() - began
    assert refused(answer) == (b"HTTP/1.1 408 Request Timeout", "body_too_slow")
    assert took > 0.9 * BODY_SECONDS


@pytest.mark.slow
def test_a_body_that_never_ends_is_answered_in_time_and_the_connection_closed(hurried: Live) -> None:
    with hurried.connect() as connection:
        connection.sendall(head(CHURN, "Transfer-Encoding: chunked"))
        connection.setblocking(False)
        sent, answer, deadline = 0, b"", time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                sent += connection.send(b"1\r\n \r\n")
            except BlockingIOError:
                pass
            except OSError:
                break
            try:
                if not (part := connection.recv(65536)):
                    break
                answer += part
            except BlockingIOError:
                pass
            except OSError:
                break
            time.sleep(0.02)
    assert sent > 50
    assert time.monotonic() < deadline
    assert refused(answer) == (b"HTTP/1.1 408 Request Timeout", "body_too_slow")


@dataclass(frozen=True)
class Cost:
    """What calls cost beside others.

    Parameters
    ----------
    seconds : float
        Of the server's processor, a call.
    waited : float
        Median seconds that a caller waited.
    """

    seconds: float
    waited: float


def cost_of_calls(service: Live) -> Cost:
    """Make some calls of which none may fail."""
    waited = []
    with httpx.Client(base_url=service.url, timeout=60) as client:
        client.post(CHURN, json=BODY).raise_for_status()
        before = service.worker.cpu_times()
        for _ in range(CALLS):
            began = time.monotonic()
            client.post(CHURN, json=BODY).raise_for_status()
            waited.append(time.monotonic() - began)
        after = service.worker.cpu_times()
    return Cost((after.user + after.system - before.user - before.system) / CALLS, median(waited))


def slow_header(connection: socket) -> Callable[[], None]:
    connection.sendall(b"POST /v1/churn HTTP/1.1\r\nHost: foresell\r\n")
    return lambda: connection.sendall(b"X-More: 1\r\n")


def slow_body(connection: socket) -> Callable[[], None]:
    connection.sendall(head(CHURN, "Content-Length: 100000"))
    return lambda: connection.sendall(b" ")


def slow_read(connection: socket) -> Callable[[], None]:
    connection.sendall(head(CHURN, f"Content-Length: {len(MANY)}") + MANY)
    # one after the other: so many large calls at once would be told to come again
    assert connection.recv(12) == b"HTTP/1.1 200"

    def read() -> None:
        assert connection.recv(1)

    return read


@pytest.mark.slow
@pytest.mark.parametrize("slow", [slow_header, slow_body, slow_read])
def test_two_hundred_slow_clients_cost_the_others_nothing(
    service: Live, slow: Callable[[socket], Callable[[], None]]
) -> None:
    alone = cost_of_calls(service)
    before = service.worker.memory_info().rss
    with ExitStack() as opened:
        connections = [opened.enter_context(service.connect(receives=4096)) for _ in range(SLOW_CLIENTS)]
        drips = [slow(connection) for connection in connections]
        ended = threading.Event()
        dripped = [0] * SLOW_CLIENTS

        def drip() -> None:
            while not ended.is_set():
                for number, each in enumerate(drips):
                    try:
                        each()
                        dripped[number] += 1
                    except OSError:
                        # its time is over
                        continue
                ended.wait(0.2)

        dripping = threading.Thread(target=drip)
        dripping.start()
        while min(dripped) < 2:
            time.sleep(0.05)
        grown = service.worker.memory_info().rss - before
        beside = cost_of_calls(service)
        held = len(service.worker.net_connections("tcp4"))
        ended.set()
        dripping.join()
    print(f"{slow.__name__}: {alone} alone, {beside} beside {held} connections, {grown / 2**20:.1f} MiB more")
    # the fault was injected: all of them were there, and slow, while the others were answered
    assert held > SLOW_CLIENTS
    # what dripping itself costs is in it
    assert beside.seconds < 2 * alone.seconds + 0.002
    assert grown < 64 * 2**20


@pytest.mark.slow
def test_the_service_stops_at_once_when_clients_went_away_in_the_middle_of_a_body(
    sound: Releases, tmp_path: Path
) -> None:
    with live(sound, tmp_path / "bentos") as service:
        for _ in range(20):
            with service.connect() as connection:
                slow_body(connection)()
        began = time.monotonic()
    # BentoML's own timeout would hold each of them for a minute
    assert time.monotonic() - began < STOP_SECONDS
