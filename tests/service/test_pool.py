"""Row 15 of what is promised: a call that hangs ends at its deadline, and those that are stuck are few and show."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from models.churn import Churn
from models.errors import InvalidRequestError
from service.endpoints import CHUNK, REASONS_CHUNK
from service.errors import DeadlineExceededError, OverloadedError
from service.pool import STUCK_SECONDS, Deadline, Pool, Room
from tests.service.test_guard import refused

LINE = {"ordered_at": "2017-12-20T10:00:00", "product_id": "1", "amount": 3.5}


def test_work_is_done_in_a_thread() -> None:
    assert asyncio.run(Pool().run(threading.get_ident, Deadline.after(10))) != threading.get_ident()


def test_an_error_of_the_work_is_the_callers() -> None:
    def broken() -> None:
        raise InvalidRequestError("no")

    with pytest.raises(InvalidRequestError, match="no"):
        asyncio.run(Pool().run(broken, Deadline.after(10)))


def test_nobody_waits_longer_than_the_deadline_and_what_is_stuck_keeps_its_place() -> None:
    free, began = threading.Event(), time.monotonic()

    async def calls() -> list[str]:
        pool, told = Pool(workers=1, waiting=1), []
        stuck = [asyncio.create_task(pool.run(free.wait, Deadline.after(0.2))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match="come again"):
            await pool.run(free.wait, Deadline.after(0.2))
        for each in stuck:
            with pytest.raises(DeadlineExceededError, match=r"longer than 0\.2 s"):
                await each
        told.append(f"{time.monotonic() - began < 5}")
        # the second never began: its place is free, and that of the first is not
        waiting = asyncio.create_task(pool.run(free.wait, Deadline.after(30)))
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await pool.run(free.wait, Deadline.after(0.2))
        free.set()
        told.append(str(await waiting))
        return told

    assert asyncio.run(calls()) == ["True", "True"]


def test_a_pool_is_stuck_when_every_thread_has_been_at_one_thing_for_a_minute() -> None:
    now, free = [0.0], threading.Event()

    async def calls() -> list[bool]:
        pool = Pool(workers=2, clock=lambda: now[0])
        told = [pool.is_stuck]
        held = [asyncio.create_task(pool.run(free.wait, Deadline.after(30)))]
        await asyncio.sleep(0.1)
        now[0] = STUCK_SECONDS + 1
        # the other thread could answer
        told.append(pool.is_stuck)
        held.append(asyncio.create_task(pool.run(free.wait, Deadline.after(30))))
        await asyncio.sleep(0.1)
        told.append(pool.is_stuck)
        now[0] *= 2.1
        told.append(pool.is_stuck)
        free.set()
        await asyncio.gather(*held)
        return [*told, pool.is_stuck]

    assert asyncio.run(calls()) == [False, False, False, True, False]


def test_the_service_is_not_alive_when_its_pool_is_stuck(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.get("/livez").status_code == 200
    monkeypatch.setattr(Pool, "is_stuck", True)
    assert client.get("/livez").status_code == 503
    # what needs no thread is answered on
    assert client.post("/v1/churn", json={"customers": ["c000001"]}).status_code == 200


def test_a_deadline_is_over_when_its_seconds_have_passed() -> None:
    now = [100.0]
    deadline = Deadline.after(2, clock=lambda: now[0])
    deadline.check()
    now[0] = 101.5
    assert deadline.left == 0.5
    now[0] = 103
    assert deadline.left == 0
    with pytest.raises(DeadlineExceededError, match="longer than 2 s; ask for fewer"):
        deadline.check()


@pytest.fixture
def slow_churn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make each look at customers take a tenth of a second; returns how many each look was about."""
    reply, looks = Churn.reply, []

    def slowly(self: Churn, served: Any, request: Any) -> Any:
        looks.append(len(request.customers))
        time.sleep(0.1)
        return reply(self, served, request)

    monkeypatch.setattr(Churn, "reply", slowly)
    return looks


@pytest.fixture
def hurried(open_client: Callable[..., TestClient], published: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("FORESELL_DEADLINE_SECONDS", "0.35")
    with open_client(published.folder) as client:
        yield client


def test_a_call_that_takes_too_long_ends_and_so_does_its_work(hurried: TestClient, slow_churn: list[int]) -> None:
    answer = hurried.post("/v1/churn", json={"customers": ["c000001"] * 10 * CHUNK})
    refused(answer, 504, "deadline_exceeded", "longer than 0.35 s")
    time.sleep(0.5)
    done = len(slow_churn)
    assert done < 10
    time.sleep(0.3)
    assert len(slow_churn) == done
    assert hurried.post("/v1/churn", json={"customers": ["c000001"]}).status_code == 200


@pytest.mark.parametrize(("asked", "size"), [({}, CHUNK), ({"reasons": 1}, REASONS_CHUNK)])
def test_many_customers_are_answered_in_parts_as_if_at_once(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, asked: dict[str, int], size: int
) -> None:
    ids = [f"c{number % 220:06d}" for number in range(900 if asked else 2_300)]
    parts = client.post("/v1/churn", json={"customers": ids, **asked}).json()
    monkeypatch.setattr("service.endpoints.CHUNK", 10_000)
    monkeypatch.setattr("service.endpoints.REASONS_CHUNK", 10_000)
    assert client.post("/v1/churn", json={"customers": ids, **asked}).json() == parts
    assert len(parts["answers"]) == len(ids) > size


def test_an_error_names_the_position_in_the_whole_request(client: TestClient) -> None:
    late = {"customer_id": "new", "as_of": "2017-12-01", "order_lines": [LINE]}
    customers = ["c000001"] * (2 * CHUNK + 3) + [late]
    answer = client.post("/v1/churn", json={"customers": customers})
    refused(
        answer,
        422,
        "invalid_request",
        "is not before as_of",
        field=f"customers.{2 * CHUNK + 3}.order_lines.0.ordered_at",
    )


def test_too_many_large_calls_are_told_to_come_again(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pool, "run", _full)
    answer = client.post("/v1/churn", json={"customers": ["c000001"] * 100})
    refused(answer, 429, "overloaded", "come again")
    assert answer.headers["retry-after"] == "1"
    # a small one needs no thread
    assert client.post("/v1/churn", json={"customers": ["c000001"]}).status_code == 200


async def _full(*_: object) -> Any:
    raise OverloadedError("too many large calls at once; come again in a second")


def test_large_bodies_take_turns_when_they_are_too_many_together() -> None:
    room = Room(most=10)
    with room.taken(6):
        with room.taken(4), pytest.raises(OverloadedError, match="come again in a second"), room.taken(1):
            pass
        # what has ended has left
        with room.taken(4):
            pass
    # alone, any is taken
    with room.taken(11), pytest.raises(OverloadedError), room.taken(1):
        pass
    with room.taken(10):
        pass
