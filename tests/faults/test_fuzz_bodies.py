"""Rows 6, 7 and 10 of what is promised: whatever body comes, the answer has a documented shape, and is never a 5xx."""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from starlette.types import Message

from models import predictions
from models.prediction import Prediction
from models.release import Releases
from service.openapi import ErrorBody
from tests.faults.live import live
from tests.service.conftest import client_of
from tests.service.releases import AS_OF, customer_ids

BODIES = 20_000
COSTLY = {"lookalike": 2_000}
"""Of these; an audience takes as long as a hundred other answers."""
EACH = 10
"""Bodies made of one that hypothesis draws: itself, and changed ones."""
WIRE_EVERY = 20
Json = Any
Answer = tuple[int, bytes, bytes]

SCRIPTS = "aZ0 _-.,:/\\\"'{}[]<>%$é漢字\u200b\u2028🙂"
NUMBERS = (0, -0.0, 1, -1, 2**31, 2**63, 2**64, 10**30, 1e308, 5e-324, 0.1, 1_000_000_001)
RAW_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 5_000, "0x10", "01", "1.", ".5", "+1")
TEXTS = ("", "x" * 257, "x" * 300_000, "\x00", "\x7f", "\ud800", "²", "2018-01-01", "0", "nan", "1e999")
_KNOWN = st.sampled_from(customer_ids()[:60])
_ID = st.one_of(_KNOWN, st.integers(0, 19).map(str), st.text(SCRIPTS, min_size=1, max_size=5))


def strategy(schema: Json, definitions: dict[str, Json], name: str = "") -> st.SearchStrategy[Json]:
    """Return what mostly fits a JSON schema, with ids that a store may know."""
    if "$ref" in schema:
        return strategy(definitions[schema["$ref"].rpartition("/")[2]], definitions, name)
    if "anyOf" in schema:
        first, *others = (strategy(each, definitions, name) for each in schema["anyOf"])
        # ids more often than histories, which take a hundred times as long
        return st.one_of(first, first, first, *others)
    if "properties" in schema:
        own = {each: strategy(about, definitions, each) for each, about in schema["properties"].items()}
        required = schema.get("required", [])
        optional = {each: found for each, found in own.items() if each not in required}
        return st.fixed_dictionaries({each: own[each] for each in required}, optional=optional).map(_of_one_size)
    return _plain(schema, definitions, name)


def _plain(schema: Json, definitions: dict[str, Json], name: str) -> st.SearchStrategy[Json]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        return st.dictionaries(st.just("joined_at"), st.just("2017-01-01")) | st.just({})
    if kind == "array":
        if name == "seeds":
            return st.lists(_KNOWN, min_size=20, max_size=25, unique=True)
        least: int = schema.get("minItems", 0)
        return st.lists(strategy(schema["items"], definitions, name), min_size=least, max_size=least + 3)
    if kind == "string":
        return _string(schema.get("format"), name)
    if kind in ("integer", "number"):
        if name == "horizons":
            return st.sampled_from([7, 30, 90])
        low, high = schema.get("minimum", schema.get("exclusiveMinimum", 0)), schema.get("maximum", 10_000)
        return st.integers(int(low), int(high)) if kind == "integer" else st.floats(low, high)
    return {"boolean": st.booleans(), "null": st.none()}[kind]


def _of_one_size(body: Json) -> Json:
    """Give an audience one size, which no schema can say."""
    if "seeds" not in body or (body.get("size") is None) != (body.get("share") is None):
        return body
    return body | {"size": 5, "share": None}


def _string(form: str | None, name: str) -> st.SearchStrategy[str]:
    # as_of late, so that lines come before it
    days = st.integers(0, 40).map(lambda days: AS_OF + timedelta(days if name == "as_of" else -days - 1))
    if form == "date":
        return days.map(date.isoformat)
    if form == "date-time":
        return st.tuples(days, st.times(timezones=st.none() | st.timezones())).map(
            lambda at: f"{at[0]}T{at[1].isoformat()}"
        )
    if name in ("quantity", "amount", "discount"):
        return st.decimals(0, 100, places=2).map(str)
    return _ID


def encoded(value: Json) -> bytes:
    """Return JSON as a careless caller writes it: NaN and lone surrogates included."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def changed(body: Json, draw: random.Random) -> bytes:
    """Return the body with one part of it broken, in its JSON or in its bytes."""
    kind = draw.randrange(6)
    if kind < 4:
        value = json.loads(json.dumps(body))
        holder, key = draw.choice(list(_holders(value)))
        others = (None, True, [], {}, [[]], [body], {"x": 1}, draw.choice(NUMBERS), draw.choice(TEXTS), float("nan"))
        holder[key] = draw.choice(others)
        return encoded(value)
    content = bytearray(encoded(body))
    position = draw.randrange(len(content))
    if kind == 4:
        piece = draw.choice(RAW_NUMBERS).encode() if draw.random() < 0.3 else draw.randbytes(draw.randrange(1, 4))
        content[position : position + draw.randrange(4)] = piece
        return bytes(content)
    return draw.choice(
        (bytes(content[:position]), draw.randbytes(position + 1), bytes(content) * 2, b"[" * position, bytes(position))
    )


def _holders(value: Json) -> Iterator[tuple[Json, Json]]:
    """Yield every place of a body that can be changed; an object also has room for a key that it does not know."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in list(inside):
        yield value, key
        yield from _holders(part)
    if isinstance(value, dict):
        yield value, "unknown"


def ask(client: TestClient, path: str, body: bytes) -> Answer:
    """Call the application without a client's and a server's HTTP."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "scheme": "http", "http_version": "1.1", "root_path": "", "app": client.app,
        "headers": [(b"content-type", b"application/json")], "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 9),
    }  # fmt: skip
    assert client.portal
    client.portal.call(client.app, scope, receive, send)
    media_type = next(value for name, value in sent[0]["headers"] if name == b"content-type")
    return sent[0]["status"], media_type, b"".join(message.get("body", b"") for message in sent[1:])


def assert_documented(prediction: Prediction, answer: Answer) -> str:
    """Return the code of an answer that has the one shape of answers or the one shape of errors."""
    status, media_type, content = answer
    assert media_type == b"application/json"
    if status == 200:
        orjson.loads(content)
        prediction.response.model_validate_json(content)
        return "ok"
    assert status in (400, 422), (status, content)
    error = ErrorBody.model_validate_json(content).error
    assert error.code == {400: "not_json", 422: "invalid_request"}[status]
    assert "\n" not in error.message
    assert len(content) < 2_000
    return error.code


@pytest.fixture(scope="module")
def fuzzed(sound: Releases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, bytes], Answer]]:
    """The service in this process; every so many a body is answered by the running one, which must say the same."""
    count = 0
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        client_of(sound.folder, monkeypatch) as client,
        live(sound, tmp_path_factory.mktemp("bentos")) as service,
        httpx.Client(base_url=service.url, timeout=60, headers={"content-type": "application/json"}) as wire,
    ):

        def both(path: str, body: bytes) -> Answer:
            nonlocal count
            count += 1
            answer = ask(client, path, body)
            if count % WIRE_EVERY == 0:
                over = wire.post(path, content=body)
                assert over.status_code == answer[0]
                # figures may differ in their last bits: another number of threads added them up
                assert over.status_code == 200 or over.content == answer[2]
                return over.status_code, over.headers["content-type"].encode(), over.content
            return answer

        yield both


@pytest.mark.slow
@pytest.mark.parametrize("prediction", predictions(), ids=lambda prediction: prediction.name)
def test_every_body_is_answered_in_a_documented_shape(
    fuzzed: Callable[[str, bytes], Answer], prediction: Prediction
) -> None:
    schema = prediction.request.model_json_schema()
    usual = (BODIES - sum(COSTLY.values())) // (len(predictions()) - len(COSTLY))
    examples = COSTLY.get(prediction.name, usual) // EACH
    codes: Counter[str] = Counter()

    @seed(6)
    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(body=strategy(schema, schema.get("$defs", {})), draw=st.integers(0, 2**32).map(random.Random))
    def fuzz(body: Json, draw: random.Random) -> None:
        for content in [encoded(body), *(changed(body, draw) for _ in range(EACH - 1))]:
            answer = fuzzed(f"/v1/{prediction.name}", content)
            try:
                codes[assert_documented(prediction, answer)] += 1
            except Exception as error:
                raise AssertionError(f"{content!r}: {answer}") from error

    fuzz()
    print(prediction.name, dict(codes))
    # what the bodies were to reach, they reached
    assert codes.total() >= examples * EACH
    assert min(codes[each] for each in ("ok", "not_json", "invalid_request")) > codes.total() // 20
