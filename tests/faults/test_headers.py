"""Row 10 of what is promised, before a key is asked for: heads that are huge, slow or no HTTP cost next to nothing."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starlette.responses import Response
from uvicorn import Config
from uvicorn.server import ServerState

from models.release import Releases
from service.guard import UNKNOWN_PATH
from service.headers import HEADER_ENV, MAX_HEADER_BYTES, LimitedProtocol
from service.openapi import ErrorBody
from tests.faults.live import Live, answered, live

HUGE = 100 * 2**20
HEADER_SECONDS = 2.0
GROWTH_BYTES = 20 * 2**20
BEGIN = b"GET /livez HTTP/1.1\r\nHost: foresell\r\n"
CALL = BEGIN + b"\r\n"
CHUNKED = b"POST /livez HTTP/1.1\r\nHost: foresell\r\nTransfer-Encoding: chunked\r\n\r\n"


class Wire(asyncio.Transport):
    """A connection in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = self.was_closed = False
        self.ended = False

    def write(self, data: Any) -> None:
        self.sent += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def exchanged(*parts: bytes, pause: float = 0.0, seconds: float = 60.0) -> Wire:
    """Return the connection on which parts were sent to a service that answers everything with its body's size."""

    async def sized(scope: Any, receive: Any, send: Any) -> None:
        taken, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            taken, more = taken + len(message["body"]), message["more_body"]
        await Response(str(taken))(scope, receive, send)

    async def exchange() -> Wire:
        protocol = LimitedProtocol(Config(sized, log_config=None, lifespan="off"), ServerState(), {})
        protocol.seconds = seconds
        wire = Wire()
        protocol.connection_made(wire)
        for part in parts:
            protocol.data_received(part)
            for _ in range(10):
                await asyncio.sleep(pause / 10)
        # uvicorn closes it itself when it is lost
        wire.was_closed = wire.closed
        protocol.connection_lost(None)
        return wire

    return asyncio.run(exchange())


def refused(answer: bytes) -> tuple[int, str]:
    """Return the status and the code of an answer after which the connection is closed."""
    headers, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in headers.lower()
    assert f"content-length: {len(body)}".encode() in headers
    assert b"x-request-id: " in headers
    return int(headers.split()[1]), ErrorBody.model_validate_json(body).error.code


def padded(size: int) -> bytes:
    """Return a head whose names, values and what stands around them are of a size."""
    fixed = len(b"/livez") + len(b"Host: foresell\r\n") + len(b"X-More: \r\n")
    return BEGIN + b"X-More: " + b"x" * (size - fixed) + b"\r\n\r\n"


def in_parts(content: bytes, size: int = 4096) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


@pytest.mark.parametrize(
    "content",
    [
        padded(MAX_HEADER_BYTES + 1),
        BEGIN + b"X-More: " + b"x" * MAX_HEADER_BYTES,
        BEGIN + b"X-More: 1\r\n" * (MAX_HEADER_BYTES // 11),
        b"GET /" + b"x" * MAX_HEADER_BYTES,
        b"\r\n" * MAX_HEADER_BYTES,
    ],
    ids=["complete", "one value", "many headers", "a path", "nothing at all"],
)
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("kept", [True, False])
def test_a_header_that_is_too_large_is_refused_however_it_comes(content: bytes, whole: bool, kept: bool) -> None:
    wire = exchanged(*[CALL] * kept, *([content] if whole else in_parts(content)))
    first, _, rest = wire.sent.partition(b"\r\n\r\n0") if kept else (b"", b"", wire.sent)
    assert first.startswith(b"HTTP/1.1 200") == kept
    assert refused(rest) == (431, "header_too_large")
    assert wire.ended


def test_the_largest_header_that_is_taken_is_where_it_is_said_to_be() -> None:
    assert exchanged(padded(MAX_HEADER_BYTES)).sent.startswith(b"HTTP/1.1 200")
    assert exchanged(padded(MAX_HEADER_BYTES + 1)).sent.startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_large_bodies_and_many_calls_of_a_connection_are_no_header(size: int) -> None:
    body = b"".join(b"%x\r\n%s\r\n" % (size, b"x" * size) for _ in range(3 * MAX_HEADER_BYTES // size))
    wire = exchanged(*[CALL] * 5, *in_parts(CHUNKED + body + b"0\r\n\r\n", 50_000), *[CALL] * 2_000)
    assert wire.sent.count(b"HTTP/1.1 200") == 2_006
    assert wire.sent.count(b"HTTP/1.1") == 2_006
    assert not wire.ended


def test_a_trailer_that_is_too_large_ends_the_connection_without_breaking_into_an_answer() -> None:
    wire = exchanged(CHUNKED, b"1\r\nx\r\n0\r\n", *in_parts(b"X-More: " + b"x" * 2 * MAX_HEADER_BYTES), b"\r\n\r\n")
    # what was sent of the body is never complete: it is for the limit of bodies to end the call
    assert wire.sent == b""


def test_what_is_no_http_is_answered_in_the_one_shape() -> None:
    assert refused(exchanged(b"\x16\x03\x01\x02\x00 secret\r\n\r\n").sent) == (400, "bad_request")


def test_each_refusal_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[tuple[str, str]] = []
    monkeypatch.setattr(LimitedProtocol, "count", staticmethod(lambda *told: counted.append(told)))
    exchanged(b"no HTTP\r\n\r\n", b"and more\r\n\r\n")
    exchanged(*in_parts(padded(2 * MAX_HEADER_BYTES)))
    exchanged(CALL)
    assert counted == [(UNKNOWN_PATH, "bad_request"), (UNKNOWN_PATH, "header_too_large")]


def test_a_header_that_does_not_end_is_refused_in_time_and_a_kept_connection_is_not() -> None:
    assert refused(exchanged(*in_parts(BEGIN, 9), pause=0.05, seconds=0.1).sent) == (408, "header_too_slow")
    for parts in ([], [CALL], [CALL, CALL], [CHUNKED, b"1\r\n"]):
        assert b"HTTP/1.1 408" not in exchanged(*parts, pause=0.3, seconds=0.1).sent


@pytest.fixture(scope="module")
def service(sound: Releases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv(HEADER_ENV, str(HEADER_SECONDS))
        with live(sound, tmp_path_factory.mktemp("bentos")) as running:
            yield running


@pytest.mark.slow
def test_a_header_of_a_hundred_megabytes_is_refused_in_little_memory(service: Live) -> None:
    httpx.get(f"{service.url}/livez").raise_for_status()
    before = most = service.worker.memory_info().rss
    sent, piece = 0, b"x" * 2**20
    with service.connect() as connection:
        connection.sendall(BEGIN + b"X-More: ")
        while sent < HUGE:
            connection.sendall(piece)
            sent += len(piece)
            most = max(most, service.worker.memory_info().rss) if sent % (10 * 2**20) == 0 else most
        assert refused(answered(connection)) == (431, "header_too_large")
    counted = 'foresell_errors_total{code="header_too_large",endpoint="/unknown"} 1.0'
    assert counted in httpx.get(f"{service.url}/metrics").text
    print(f"memory grew by {(most - before) / 2**20:.1f} MiB over {sent / 2**20:.0f} MiB")
    assert most - before < GROWTH_BYTES


@pytest.mark.slow
def test_a_header_that_drips_is_answered_in_time_and_the_connection_closed(service: Live) -> None:
    with service.connect() as connection:
        began = time.monotonic()
        connection.sendall(BEGIN)
        while time.monotonic() - began < 0.8 * HEADER_SECONDS:
            connection.sendall(b"X-More: 1\r\n")
            time.sleep(0.1)
        assert refused(answered(connection)) == (408, "header_too_slow")
        assert time.monotonic() - began > 0.9 * HEADER_SECONDS


NO_CALL = {"nothing": (b"",) * 4, "empty lines": (b"\r\n",) * 4, "later": (CALL, *(b"\r\n",) * 4)}


@pytest.mark.parametrize("parts", NO_CALL.values(), ids=NO_CALL)
def test_a_connection_on_which_no_call_begins_is_closed_without_a_word(parts: tuple[bytes, ...]) -> None:
    wire = exchanged(*parts, pause=0.1, seconds=0.15)
    assert wire.was_closed
    assert wire.sent.count(b"HTTP/1.1") == parts.count(CALL)


def test_a_connection_whose_call_is_at_work_is_not_closed() -> None:
    body = b"POST /livez HTTP/1.1\r\nHost: foresell\r\nContent-Length: 9\r\n\r\n"
    assert not exchanged(body, b"a", b"b", b"c", pause=0.1, seconds=0.15).was_closed
