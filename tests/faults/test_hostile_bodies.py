"""Rows 6, 9 and 10 of what is promised: bodies that are broken, deep, expanding or huge cost next to nothing."""

import time
from collections.abc import Iterator

import httpx
import orjson
import pytest
from starlette.testclient import TestClient

from models.messages import MAX_CUSTOMERS
from models.release import Releases
from service.bodies import BODY_ENV, MAX_BODY_BYTES
from service.codec import MAX_FIELDS, MAX_VALUES
from service.openapi import ErrorBody
from tests.faults.live import Live, answered, head, live
from tests.faults.memory import highest_memory
from tests.service.conftest import client_of
from tests.service.releases import customer_ids

CHURN = "/v1/churn"
JSON = {"content-type": "application/json"}
HUGE = 100 * 1024 * 1024
PIECE = b"x" * 65536
GROWTH_BYTES = 20 * 2**20
MOST_BYTES = 64 * 2**20

MALFORMED = {
    "no JSON": b"<customers><id>secret-1</id></customers>",
    "half of it": b'{"customers": ["secret-1", "secret',
    "nothing": b"",
    "a wrong type": b'{"customers": {"secret-1": true}}',
    "an extra key": b'{"customers": ["secret-1"], "no such key": 1}',
    "a number for an id": b'{"customers": ["secret-1", 7]}',
    "NaN": b'{"customers": ["secret-1"], "reasons": NaN}',
    "beyond every float": b'{"customers": ["secret-1"], "reasons": 1e999}',
    "bytes": bytes(range(256)),
}
NOT_JSON = {
    "brackets": b"[" * 10**5,
    "closed brackets": b"[" * 10**5 + b"]" * 10**5,
    "objects": b'{"a":' * 10**5,
    "brackets inside": b'{"customers": ' + b"[" * 99_000 + b"]" * 99_000 + b"}",
    "as many brackets as there is room for": b"[" * MAX_BODY_BYTES,
    "an open string": b'"' + b"\\u0041" * 10**6,
}
EXPANDING = {
    # Python itself takes seconds over a number of so many digits, or refuses it
    "an integer of 10^6 digits": b'{"customers": ["a"], "reasons": ' + b"9" * 10**6 + b"}",
    "an id that is one": b'{"customers": [' + b"9" * 10**6 + b"]}",
    "a key of 10^6 letters": b'{"customers": ["a"], "' + b"k" * 10**6 + b'": 1}',
    "10^5 keys": b'{"customers": ["a"]' + b"".join(b',"k%d":1' % key for key in range(10**5)) + b"}",
    "a key 10^5 times": b'{"customers": ["a"]' + b',"k":1' * 10**5 + b"}",
    "escapes": b'{"customers": ["' + b"\\u0000" * 10**5 + b'"]}',
    # parsed, these would be a quarter of a gigabyte and more, and take seconds
    "as many objects as there is room for": b'{"customers":[' + b"{}," * (MAX_BODY_BYTES // 3 - 10) + b"{}]}",
    "as many lists as there is room for": b'{"customers":[' + b"[]," * (MAX_BODY_BYTES // 3 - 10) + b"[]]}",
    "10^5 brackets inside": b'{"customers": ' + b"[" * 10**5 + b"]" * 10**5 + b"}",
    "deep lists": b'{"customers":[' + (b"[" * 1000 + b"]" * 1000 + b",") * 4190 + b"[]]}",
}


@pytest.fixture(scope="module")
def client(sound: Releases) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as monkeypatch, client_of(sound.folder, monkeypatch) as opened:
        yield opened


@pytest.fixture(scope="module")
def service(sound: Releases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        # how long is waited for what a caller goes on sending after the answer
        monkeypatch.setenv(BODY_ENV, "3")
        with live(sound, tmp_path_factory.mktemp("bentos")) as running:
            yield running


def refused(client: TestClient, body: bytes, *, within: float) -> tuple[int, str]:
    """Return the status and the message of a refusal that took at most so many seconds of the processor."""
    for _ in range(5):
        began = time.process_time()
        answer = client.post(CHURN, content=body, headers=JSON)
        seconds = time.process_time() - began
        if seconds < within:
            break
    assert seconds < within
    error = ErrorBody.model_validate_json(answer.content).error
    assert "\n" not in error.message
    assert len(answer.content) < 500
    return answer.status_code, error.message


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_what_is_malformed_is_refused_at_once_and_not_echoed(client: TestClient, body: bytes) -> None:
    status, message = refused(client, body, within=0.05)
    assert status in (400, 422)
    assert "secret" not in message


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_deep_or_open_is_refused_with_400_at_once(client: TestClient, body: bytes) -> None:
    status, _ = refused(client, body, within=0.1)
    assert status == 400


@pytest.mark.parametrize("body", EXPANDING.values(), ids=EXPANDING)
def test_what_would_expand_is_refused_at_once_and_not_echoed(client: TestClient, body: bytes) -> None:
    status, _ = refused(client, body, within=0.1)
    assert status in (400, 422)


# 5,000 ids, their list, key and object, beside a list of which nothing is read: of two keys the last one counts
@pytest.mark.parametrize(
    ("item", "count", "status"),
    [
        (b"0", MAX_VALUES - 4_999, 200),
        (b"0", MAX_VALUES - 4_998, 422),
        (b"[]", MAX_FIELDS - 5, 200),
        (b"[]", MAX_FIELDS - 4, 422),
        (b'{"a":0}', (MAX_FIELDS - 5) // 2, 200),
        (b'{"a":0}', (MAX_FIELDS - 5) // 2 + 1, 422),
    ],
)
@pytest.mark.parametrize("text", [b"plain", b"}],:" * 60, b'\\"}],:' * 40, b"\\\\" * 120])
def test_values_are_counted_where_they_are_no_text(
    client: TestClient, text: bytes, item: bytes, count: int, status: int
) -> None:
    body = b'{"customers":[%s],"customers":[%s]}' % (b",".join([item] * count), b",".join([b'"%s"' % text] * 5_000))
    assert len(orjson.loads(body)["customers"]) == 5_000
    answer = client.post(CHURN, content=body, headers=JSON)
    assert answer.status_code == status, answer.text[:500]


def test_the_last_of_two_values_counts_when_a_key_comes_twice(client: TestClient) -> None:
    answer = client.post(CHURN, content=b'{"customers": ["a", "b"], "customers": ["c000001"]}', headers=JSON)
    assert [each["customer_id"] for each in answer.json()["answers"]] == ["c000001"]


def status_of(answer: bytes) -> int:
    line, _, rest = answer.partition(b"\r\n")
    headers, _, body = rest.partition(b"\r\n\r\n")
    ErrorBody.model_validate_json(body)
    assert b"connection: close" in headers.lower()
    return int(line.split()[1])


@pytest.mark.slow
@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
@pytest.mark.parametrize("heedless", [True, False], ids=["sent to its end", "sent until the answer"])
def test_a_hundred_megabytes_are_refused_in_little_memory_and_the_connection_is_closed(
    service: Live, announced: bool, heedless: bool
) -> None:
    httpx.post(f"{service.url}{CHURN}", json={"customers": ["c000001"]}).raise_for_status()
    before = service.worker.memory_info().rss
    most, sent = before, 0
    size = f"Content-Length: {HUGE}" if announced else "Transfer-Encoding: chunked"
    piece = PIECE if announced else b"%x\r\n%s\r\n" % (len(PIECE), PIECE)
    with service.connect() as connection:
        connection.sendall(head(CHURN, size))
        while sent < HUGE:
            connection.sendall(piece)
            sent += len(PIECE)
            most = max(most, service.worker.memory_info().rss) if sent % (10 * 2**20) == 0 else most
            if not heedless and sent > 2 * MAX_BODY_BYTES:
                break
        if not announced and heedless:
            connection.sendall(b"0\r\n\r\n")
        if heedless:
            # the fault was injected: more than any call may send went over the wire
            assert sent == HUGE
        assert status_of(answered(connection)) == 413
    most = max(most, service.worker.memory_info().rss)
    print(f"memory grew by {(most - before) / 2**20:.1f} MiB over {sent / 2**20:.0f} MiB")
    assert most - before < GROWTH_BYTES


@pytest.mark.slow
@pytest.mark.parametrize("chunked", [True, False])
def test_the_limit_is_where_it_is_said_to_be(service: Live, chunked: bool) -> None:
    body = b'{"customers": ["a"]}'
    for size, status in ((MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)):
        padded = body.ljust(size)
        assert len(padded) == size
        content = (padded[at : at + 2**20] for at in range(0, size, 2**20)) if chunked else padded
        answer = httpx.post(f"{service.url}{CHURN}", content=content, headers=JSON, timeout=60)
        assert answer.status_code == status


@pytest.mark.slow
def test_a_batch_of_a_million_rows_is_refused_in_little_memory(service: Live) -> None:
    # short ids, so that it comes through the limit of a body
    too_many = ("customers", f"not {MAX_CUSTOMERS + 1}")
    refusals = {MAX_CUSTOMERS: None, MAX_CUSTOMERS + 1: too_many, 10**6: (None, f"{MAX_VALUES:,} values")}
    for count, refusal in refusals.items():
        body = b'{"customers":["' + b'","'.join(b"%d" % (row % 1000) for row in range(count)) + b'"]}'
        assert len(body) < MAX_BODY_BYTES
        with highest_memory(service.worker) as highest:
            before = service.worker.memory_info().rss
            answer = httpx.post(f"{service.url}{CHURN}", content=body, headers=JSON, timeout=60)
        grown = highest() - before
        print(f"{count} rows: memory grew by {grown / 2**20:.1f} MiB")
        assert answer.status_code == (422 if refusal else 200)
        if refusal:
            field, words = refusal
            assert answer.json()["error"]["field"] == field
            assert words in answer.json()["error"]["message"]
            assert grown < GROWTH_BYTES


LINE = {"ordered_at": "2017-12-08T17:30:00", "product_id": "1095275", "order_id": "3119", "quantity": 2, "amount": 3.9}
CONTACT = {"campaign_id": "18", "sent_at": "2017-10-30", "responded_at": "2017-11-04"}
IDS = [f"{each:012}" for each in range(299_000)]
EVENT = {"occurred_at": "2017-12-29T20:11:00", "kind": "view"}


def inline(customers: int, **history: object) -> list[object]:
    return [{"customer_id": f"new-{each}", "as_of": "2018-01-01", **history} for each in range(customers)]


# each with as much in it as a body may have, nearly
LARGEST: dict[str, tuple[str, dict[str, object], int]] = {
    "long lines": (CHURN, {"customers": inline(9, order_lines=[LINE] * 1_800)}, 200),
    "short lines": (CHURN, {"customers": inline(9, order_lines=[{"ordered_at": "2017-12-08"}] * 5_500)}, 200),
    "contacts": (CHURN, {"customers": inline(9, contacts=[CONTACT] * 2_700)}, 200),
    "events": (CHURN, {"customers": inline(9, events=[EVENT] * 3_600)}, 200),
    "customers with a line each": (CHURN, {"customers": inline(9_000, order_lines=[LINE])}, 200),
    "long ids": (CHURN, {"customers": [f"{each}".ljust(256, "\u00e9") for each in range(10_000)]}, 200),
    "attributes": (CHURN, {"customers": inline(1, attributes={f"a{each}": each for each in range(99_000)})}, 422),
    "an audience among many": (
        "/v1/lookalike",
        {"seeds": [*customer_ids(40), *IDS[:90_000]], "within": [*customer_ids(200), *IDS[100_000:]], "size": 100},
        200,
    ),
    "products in stock": (
        "/v1/next-best-product",
        {"customers": IDS[:10_000], "filters": {"in_stock": IDS[:100_000], "exclude": IDS[100_000:200_000]}},
        200,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("path", "asked", "status"), LARGEST.values(), ids=LARGEST)
def test_the_largest_body_that_is_taken_costs_little_memory(
    service: Live, path: str, asked: dict[str, object], status: int
) -> None:
    body = orjson.dumps(asked)
    assert len(body) <= MAX_BODY_BYTES
    httpx.post(f"{service.url}{CHURN}", json={"customers": inline(1, order_lines=[LINE])}).raise_for_status()
    with highest_memory(service.worker) as highest:
        before = service.worker.memory_info().rss
        answer = httpx.post(f"{service.url}{path}", content=body, headers=JSON, timeout=60)
    print(f"{len(body)} bytes of {path}: {answer.status_code}, memory grew by {(highest() - before) / 2**20:.1f} MiB")
    assert answer.status_code == status, answer.text[:500]
    assert "more than" not in answer.text[:500]
    assert highest() - before < MOST_BYTES
