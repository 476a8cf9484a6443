"""Row 28 of what is promised: neither calls nor changes of the release make the service grow."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

from models.parts import replace_file
from models.release import Releases
from service.current import Current
from service.release import open_release
from service.watch import Watch
from tests.faults.live import Live, live
from tests.faults.memory import footprint, growth
from tests.service.releases import customer_ids, publish

CHURN = "/v1/churn"
CALLS, ROUNDS, CLIENTS = 50_000, 20, 4
SWAPS, CALLERS = 100, 8
MANY = 40
HISTORIES, ENGINE_BYTES = 900, 48 * 2**20
WIRE_SECONDS, LEAST_SWAPS = 60, 10
"""How long releases change over the wire, each opened in a child first, and how often at least."""
LEAST_SLOPE = 0.25 * 2**20
"""Bytes a round below which a slope is the noise of an allocator: 5 MiB over everything."""


@pytest.fixture(scope="module")
def service(sound: Releases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(sound, tmp_path_factory.mktemp("bentos")) as running:
        yield running


@pytest.fixture(scope="module")
def pointers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Releases, tuple[bytes, bytes]]:
    """A folder with two releases that answer differently, and what points at each."""
    folder = tmp_path_factory.mktemp("two") / "releases"
    found = []
    for name, count in (("r000001", 200), ("r000002", 100)):
        releases = publish(folder, tmp_path_factory.mktemp(name), count=count, name=name)
        found.append(releases.pointer.read_bytes())
    return releases, (found[0], found[1])


def together(work: Callable[[int], None], count: int) -> None:
    """Do some work on so many threads at once; what fails on one fails here."""
    failed: list[BaseException] = []

    def one(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


@pytest.mark.slow
def test_fifty_thousand_calls_leave_nothing_behind(service: Live) -> None:
    usual = [("churn", {"customers": customer_ids(5)}), ("repurchase", {"customers": customer_ids(3)})] * 100
    # of each kind of work some, refusals among them
    rare: list[tuple[str, Any]] = [
        ("churn", {"customers": customer_ids(100), "reasons": 2}),
        ("next-best-product", {"customers": customer_ids(2)}),
        ("churn", {"customers": [7]}),
        ("nothing", {}),
    ]
    calls = [(f"/v1/{name}", json.dumps(body)) for name, body in [*usual, *rare]]
    clients = [HTTPConnection("127.0.0.1", service.port, timeout=60) for _ in range(CLIENTS)]
    made = CALLS // ROUNDS // CLIENTS

    def call(number: int) -> None:
        for each in range(made):
            path, body = calls[(each * CLIENTS + number) % len(calls)]
            clients[number].request("POST", path, body, {"Content-Type": "application/json"})
            answer = clients[number].getresponse()
            answer.read()
            assert answer.status in (200, 404, 422), answer.status

    # what is made on first use
    together(call, CLIENTS)
    worker = service.worker
    before = worker.cpu_times()
    rounds = []
    for _ in range(ROUNDS):
        together(call, CLIENTS)
        rounds.append(footprint(worker))
    after = worker.cpu_times()
    seconds = after.user + after.system - before.user - before.system
    told = growth(rounds)
    print(f"{CALLS} calls: {told}, {seconds / CALLS * 1e6:.0f} us of the processor each")
    for client in clients:
        client.close()
    assert told.memory < LEAST_SLOPE
    assert told.files <= 2
    assert told.threads == 0


@pytest.mark.slow
def test_histories_leave_nothing_behind_but_what_their_engine_keeps_ready(service: Live) -> None:
    line = {"ordered_at": "2017-12-20T10:00:00", "product_id": "1", "order_id": "o1", "quantity": 1, "amount": 3.5}
    inline = {"customer_id": "new", "as_of": "2018-01-01", "order_lines": [line] * 1_000}
    held = []
    with httpx.Client(base_url=service.url, timeout=60) as client:
        for _ in range(HISTORIES):
            client.post(CHURN, json={"customers": [inline]}).raise_for_status()
            held.append(footprint(service.worker).memory)
    # it takes from the system and gives back as it pleases, tens of MiB: what it never gives back would add up
    _, before, after = np.array_split(held, 3)
    grown = float(after.min() - before.min())
    print(f"{HISTORIES} histories: the least held is {grown / 2**20:+.1f} MiB from the second third to the last")
    assert grown < ENGINE_BYTES


@pytest.mark.slow
def test_a_hundred_changes_of_the_release_leave_nothing_behind(
    pointers: tuple[Releases, tuple[bytes, bytes]],
) -> None:
    releases, both = pointers
    replace_file(releases.pointer, both[0])
    watching = Watch(Current(open_release(releases.folder)), releases, check=lambda *_: None)
    rounds = []
    for swap in range(1, SWAPS + 21):
        replace_file(releases.pointer, both[swap % 2])
        watching.look()
        served = watching.current.served("churn")
        assert served.release == both[swap % 2].split()[0].decode()
        served.prediction.answer(served, served.prediction.request.model_validate({"customers": ["c000001"]}))
        del served
        # once those of first use are made
        if swap > 20:
            rounds.append(footprint(psutil.Process()))
    told = growth(rounds)
    print(f"{SWAPS} changes: {told}")
    assert told.memory * SWAPS < ROUNDS * LEAST_SLOPE
    assert told.files <= 2
    assert told.threads <= 0


@pytest.mark.slow
def test_changes_under_load_fail_no_call_and_mix_no_answer(
    pointers: tuple[Releases, tuple[bytes, bytes]], tmp_path: Path
) -> None:
    releases, both = pointers
    by_name = {each.split()[0].decode(): _scores(releases, each) for each in both}
    assert by_name["r000001"] != by_name["r000002"]
    replace_file(releases.pointer, both[0])
    ended = threading.Event()
    answered = [0] * CALLERS
    rounds, body = [], {"customers": customer_ids(MANY)}
    enough = time.monotonic() + WIRE_SECONDS
    with live(releases, tmp_path / "bentos") as service:

        def call(number: int) -> None:
            with httpx.Client(base_url=service.url, timeout=60) as client:
                while not ended.is_set():
                    answer = client.post(CHURN, json=body)
                    assert answer.status_code == 200, answer.text
                    found = answer.json()
                    scores = [each["probability"] for each in found["answers"]]
                    assert scores == by_name[found["release"]], "an answer of two releases"
                    answered[number] += 1
                    # eight callers who never rest would only slow the changes down
                    ended.wait(0.02)

        def change(number: int) -> None:
            try:
                with httpx.Client(base_url=service.url, timeout=60) as client:
                    for swap in range(1, SWAPS + 1):
                        if time.monotonic() > enough and swap > LEAST_SWAPS:
                            break
                        pointer = both[swap % 2]
                        replace_file(releases.pointer, pointer)
                        _wait_for(client, pointer.split()[0].decode())
                        rounds.append(footprint(service.worker))
            finally:
                ended.set()

        together(lambda number: change(number) if number == CALLERS else call(number), CALLERS + 1)
    told = growth(rounds[len(rounds) // 5 :])
    print(f"{len(rounds)} changes beside {sum(answered)} calls: {told}")
    assert min(answered) > len(rounds) >= LEAST_SWAPS
    assert told.memory * len(rounds) < ROUNDS * LEAST_SLOPE
    assert told.files <= CALLERS
    assert told.threads <= 4


def _scores(releases: Releases, pointer: bytes) -> list[float]:
    replace_file(releases.pointer, pointer)
    served = open_release(releases.folder).of("churn")
    request = served.prediction.request.model_validate({"customers": customer_ids(MANY)})
    return [each["probability"] for each in served.prediction.reply(served, request)["answers"]]


def _wait_for(client: httpx.Client, name: str) -> None:
    for _ in range(1_200):
        if client.get("/v1/models").json()["release"] == name:
            return
        threading.Event().wait(0.05)
    pytest.fail(f"{name} does not serve after a minute")
