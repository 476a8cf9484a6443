"""Row 27 of what is promised: clients that die in the middle of a call leave nothing behind."""

import random
import socket
import struct
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from models.release import Releases
from tests.faults.live import Live, head, live
from tests.faults.memory import Footprint, footprint, growth
from tests.service.releases import customer_ids

CHURN = "/v1/churn"
ID = b'{"customers": ["c000001"]}'
CUSTOMERS = b'{"customers": ["' + b'","'.join(each.encode() for each in customer_ids()) + b'"], "reasons": 3}'
VANISHED, LEFT = 10_000, 300
ROUNDS = 10
GROWTH_BYTES = 5 * 2**20
"""Over all of them: a leak of a connection each would be ten times as much."""


@pytest.fixture(scope="module")
def service(sound: Releases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(sound, tmp_path_factory.mktemp("bentos")) as running:
        yield running


def vanish(connection: socket.socket) -> None:
    """Close with a reset, as the system does for a process that was killed with something unread."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def half_a_call(connection: socket.socket, draw: random.Random) -> None:
    """Send a call up to anywhere."""
    call = head(CHURN, f"Content-Length: {len(ID)}") + ID
    connection.sendall(call[: draw.randrange(len(call))])


def a_whole_call(connection: socket.socket, draw: random.Random) -> None:
    """Send a call that takes its time, and do not wait for the answer."""
    connection.sendall(head(CHURN, f"Content-Length: {len(CUSTOMERS)}") + CUSTOMERS)
    time.sleep(draw.random() * 0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("call", "times"), [(half_a_call, VANISHED), (a_whole_call, LEFT)])
def test_clients_that_die_leave_nothing_behind(
    service: Live, call: Callable[[socket.socket, random.Random], None], times: int
) -> None:
    draw = random.Random(6)

    def some(count: int) -> None:
        for _ in range(count):
            connection = service.connect()
            call(connection, draw)
            vanish(connection)

    def settled() -> Footprint:
        """Return what the worker holds when nobody is connected any more."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = footprint(service.worker)
            others = [each for each in service.worker.net_connections("tcp4") if each.status != "LISTEN"]
            if not others:
                return found
            time.sleep(0.1)
        pytest.fail(f"connections are left: {others}")

    some(times // ROUNDS)
    rounds = []
    for _ in range(ROUNDS):
        some(times // ROUNDS)
        rounds.append(settled())
    told = growth(rounds)
    print(f"{call.__name__} {times} times: {told}")
    answer = httpx.post(f"{service.url}{CHURN}", content=ID, headers={"content-type": "application/json"}, timeout=60)
    assert answer.status_code == 200
    assert told.memory * ROUNDS < GROWTH_BYTES
    assert told.files <= 2
    assert told.threads <= 4
