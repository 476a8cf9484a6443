import asyncio
import socket
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvicorn
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from service.access import Access
from service.bodies import MAX_BODY_BYTES, Bodies
from service.drain import Drain
from service.guard import Guard
from service.keys import Keys

CHURN = "/v1/churn"
ANYBODY = Access(Keys(Path("keys.json")), "never")


def refused(response: Any, status: int, code: str, *words: str, field: str | None = None) -> None:
    """Assert the one error shape."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert set(response.json()) == {"error"}
    error = response.json()["error"]
    assert set(error) == {"code", "message", "field"}
    assert error["code"] == code
    assert error["field"] == field
    for word in words:
        assert word in error["message"]
    assert len(error["message"]) < 600
    assert response.headers["x-request-id"]


def post(client: TestClient, content: bytes, media_type: str = "application/json") -> Any:
    return client.post(CHURN, content=content, headers={"content-type": media_type})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\x00",
        b"customers",
        b'{"customers": [NaN]}',
        b'{"customers": ["a"], "reasons": Infinity}',
        b'{"customers": ["a"], "reasons": -Infinity}',
        b'{"customers": ["a"], "reasons": 1e999}',
        b'{"customers": ["\xff"]}',
        b'{"customers": ["\\ud800"]}',
        b"[" * 5000,
        b'\xef\xbb\xbf{"customers": ["a"]}',
    ],
)
def test_a_body_is_refused_when_it_is_not_finite_json(client: TestClient, body: bytes) -> None:
    refused(post(client, body), 400, "not_json", "not JSON", "finite numbers")


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        (b"[]", None, ["object"]),
        (b"null", None, ["object"]),
        (b"{}", "customers", ["required"]),
        (b'{"customers": []}', "customers", ["at least 1"]),
        (b'{"customers": "a"}', "customers", ["list"]),
        (b'{"customers": [1]}', "customers.0", ["string", "object", "got 1"]),
        (b'{"customers": ["a", ""]}', "customers.1", ["at least 1"]),
        (b'{"customers": ["a\\u0000"]}', "customers.0", ["printable"]),
        (b'{"customers": ["a"], "reason": 1}', "reason", ["not a known field"]),
        (b'{"customers": ["a"], "reasons": 11}', "reasons", ["10", "got 11"]),
        (b'{"customers": ["a"], "reasons": 1.5}', "reasons", ["integer"]),
        (b'{"customers": ["a"], "reasons": true}', "reasons", ["integer"]),
        (b'{"customers": ["a"], "reasons": "1"}', "reasons", ["integer"]),
        (b'{"customers": [{"customer_id": "n"}]}', "customers.0.as_of", ["required"]),
        (b'{"customers": [{"customer_id": "n", "as_of": "soon"}]}', "customers.0.as_of", ["date", "'soon'"]),
        (
            b'{"customers": ["a", {"customer_id": "n", "as_of": "2018-01-01", "order_lines": [{"amount": "x"}]}]}',
            "customers.1.order_lines.0.ordered_at",
            ["required"],
        ),
        (
            b'{"customers": [{"customer_id": "n", "as_of": "2018-01-01", '
            b'"order_lines": [{"ordered_at": "2017-01-01", "amount": 1e10}]}]}',
            "customers.0.order_lines.0.amount",
            ["1000000000"],
        ),
    ],
)
def test_a_field_is_named_when_it_breaks_the_schema(
    client: TestClient, body: bytes, field: str | None, words: list[str]
) -> None:
    refused(post(client, body), 422, "invalid_request", *words, field=field)


def test_ten_thousand_and_one_customers_are_refused(client: TestClient) -> None:
    response = client.post(CHURN, json={"customers": ["a"] * 10_001})
    refused(response, 422, "invalid_request", "10000", "10001", field="customers")
    assert client.post(CHURN, json={"customers": ["a"] * 10_000}).status_code == 200


def test_more_than_a_thousand_customers_are_refused_when_reasons_are_asked_for(client: TestClient) -> None:
    response = client.post(CHURN, json={"customers": ["a"] * 1_001, "reasons": 1})
    refused(response, 422, "invalid_request", "1,001", "1,000")


def test_a_large_value_is_not_echoed_when_it_is_refused(client: TestClient) -> None:
    response = client.post(CHURN, json={"customers": ["x" * 100_000]})
    refused(response, 422, "invalid_request", "256", field="customers.0")
    assert len(response.content) < 500


def test_no_field_is_named_when_a_body_is_full_of_faults(client: TestClient) -> None:
    refused(client.post(CHURN, json={f"key{number}": 1 for number in range(2_000)}), 422, "invalid_request", "1,000")


def test_the_first_line_is_named_when_all_lines_are_faulty(client: TestClient) -> None:
    wrong = {"customer_id": "n", "as_of": "2018-01-01", "order_lines": [{"ordered_at": "soon"}] * 8_000}
    response = client.post(CHURN, json={"customers": [wrong] * 5})
    refused(response, 422, "invalid_request", "'soon'", field="customers.0.order_lines.0.ordered_at")


def test_a_line_after_as_of_is_refused(client: TestClient) -> None:
    late = {"customer_id": "n", "as_of": "2018-01-01", "order_lines": [{"ordered_at": "2018-01-01"}]}
    response = client.post(CHURN, json={"customers": [late]})
    assert response.status_code == 422
    assert "not before as_of" in response.json()["error"]["message"]


@pytest.mark.parametrize("media_type", ["text/xml", "application/vnd.bentoml+pickle", "multipart/form-data", ""])
def test_a_body_is_refused_when_it_is_not_labelled_json(client: TestClient, media_type: str) -> None:
    refused(post(client, b'{"customers": ["a"]}', media_type), 415, "unsupported_media_type", "application/json")


def test_a_charset_is_taken_when_the_type_is_json(client: TestClient) -> None:
    assert post(client, b'{"customers": ["a"]}', "Application/JSON; charset=utf-8").status_code == 200


def test_a_compressed_body_is_refused(client: TestClient) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    refused(client.post(CHURN, content=b"{}", headers=headers), 415, "unsupported_media_type", "gzip")


@pytest.mark.parametrize("path", ["/nowhere", "/v1/churn/", "/v1/models/", "/v1/chum", "/static_content/index.css"])
def test_the_routes_are_listed_when_a_path_is_unknown(client: TestClient, path: str) -> None:
    refused(client.get(path, follow_redirects=False), 404, "unknown_route", path, "/v1/churn")


@pytest.mark.parametrize(("method", "path"), [("GET", CHURN), ("DELETE", CHURN), ("POST", "/v1/models")])
def test_the_methods_are_named_when_one_is_not_taken(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, path)
    refused(response, 405, "method_not_allowed", method, path)
    assert response.headers["allow"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_refused_when_it_is_larger_than_the_limit(client: TestClient, chunked: bool) -> None:
    large = b'"' + b"x" * MAX_BODY_BYTES + b'"'
    content = iter([large[: len(large) // 2], large[len(large) // 2 :]]) if chunked else large
    response = client.post(CHURN, content=content, headers={"content-type": "application/json"})
    refused(response, 413, "body_too_large", "8 MiB")


def test_a_request_id_is_returned_when_it_is_printable(client: TestClient) -> None:
    assert client.get("/livez", headers={"X-Request-Id": "crm-42"}).headers["x-request-id"] == "crm-42"


@pytest.mark.parametrize("taken", ["", "x" * 129, "tab\there", "caf\xe9"])
def test_a_request_id_is_made_when_the_callers_is_not_usable(client: TestClient, taken: str) -> None:
    made = client.get("/livez", headers={"X-Request-Id": taken.encode("latin-1")}).headers["x-request-id"]
    assert made != taken
    assert len(made) == 32


def test_a_caller_who_sends_everything_first_reads_the_refusal() -> None:
    # over a real socket: closing it on what is still being sent would reset it
    server = uvicorn.Server(uvicorn.Config(Bodies(never, [CHURN]), log_level="error", lifespan="off"))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    connection = HTTPConnection(*listener.getsockname(), timeout=10)
    try:
        connection.request("POST", CHURN, b"x" * (4 * MAX_BODY_BYTES), {"Content-Type": "application/json"})
        assert connection.getresponse().status == 413
    finally:
        connection.close()
        server.should_exit = True
        thread.join()


def run(app: Any, scope: dict[str, Any], messages: list[Message]) -> list[Message]:
    """Run an ASGI application on prepared messages."""
    sent: list[Message] = []
    pending = iter(messages)

    async def receive() -> Message:
        return next(pending)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app({"type": "http", "method": "POST", "path": CHURN, "headers": [], **scope}, receive, send))
    return sent


async def never(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("must not be reached")


def test_the_answer_comes_before_the_body_when_the_announced_length_is_too_large() -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"100000000")]
    sent = run(Bodies(never, [CHURN]), {"headers": headers}, [{"type": "http.disconnect"}])
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]
    assert sent[1]["body"].startswith(b'{"error":{"code":"body_too_large"')


def test_nothing_is_answered_when_the_caller_went_away() -> None:
    headers = [(b"content-type", b"application/json")]
    half: list[Message] = [
        {"type": "http.request", "body": b'{"cust', "more_body": True},
        {"type": "http.disconnect"},
    ]
    assert run(Bodies(never, [CHURN]), {"headers": headers}, half) == []


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "bad_request"), (429, "overloaded"), (500, "internal"), (503, "not_ready"), (504, "deadline_exceeded")],
)
def test_an_error_of_bentoml_is_put_into_our_shape(status: int, code: str) -> None:
    async def bentoml(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"retry-after", b"3"), (b"server", b"BentoML")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b'[{"error":"Trace', "more_body": True})
        await send({"type": "http.response.body", "body": b'back"}]'})

    start, body = run(Guard(bentoml, {CHURN: ["POST"]}, ANYBODY, Drain(0)), {}, [])
    assert start["status"] == status
    assert (b"retry-after", b"3") in start["headers"]
    assert body["body"].startswith(b'{"error":{"code":"%s"' % code.encode())


def test_a_websocket_is_closed() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Guard(never, {}, ANYBODY, Drain(0))({"type": "websocket"}, never, send))  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]
