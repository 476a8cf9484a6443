"""Row 12 of what is promised: what is too much is refused at once, and what is accepted is answered as fast as ever.

Goodput is measured in processor time of the server, too: on a busy machine wall time says more about the others.
"""

import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import pytest

from models.release import Releases
from service.pool import WAITING, WORKERS
from tests.faults.live import Live, live
from tests.service.releases import customer_ids

LARGE = json.dumps({"customers": customer_ids(60), "reasons": 3}).encode()
SMALL = json.dumps({"customers": customer_ids(5)}).encode()
CAPACITY = WORKERS + WAITING
SECONDS = 10.0


@dataclass
class Seen:
    """What callers met: seconds that each answer took, by its status."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    without_advice: int = 0
    failed: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    ended: float = 0.0
    processor: float = 0.0

    def note(self, status: int, took: float) -> None:
        self.seconds.setdefault(status, []).append(took)

    def count(self, status: int) -> int:
        return len(self.seconds.get(status, ()))

    @property
    def goodput(self) -> float:
        """Answers a second."""
        return self.count(200) / (self.ended - self.began)

    @property
    def goodput_of_processor(self) -> float:
        """Answers a second of the server's processor."""
        return self.count(200) / self.processor

    def __str__(self) -> str:
        times = {status: f"{median(each) * 1_000:.1f} ms" for status, each in sorted(self.seconds.items())}
        counts = {status: len(each) for status, each in sorted(self.seconds.items())}
        return (
            f"{self.goodput:.1f} answers a second, {self.goodput_of_processor:.1f} a second of processor; "
            f"{counts}, median {times}"
        )


def processor_seconds(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def load(service: Live, callers: int, body: bytes) -> Seen:
    """Call from so many connections at once; who is told to come again does so when it was told to."""
    seen, lock, ended = Seen(), threading.Lock(), threading.Event()

    def call() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
        while not ended.is_set():
            began = time.monotonic()
            try:
                connection.request("POST", "/v1/churn", body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as error:
                with lock:
                    seen.failed.append(repr(error))
                return
            advice = answer.headers.get("Retry-After")
            with lock:
                if not ended.is_set():
                    seen.note(answer.status, time.monotonic() - began)
                seen.without_advice += answer.status == 429 and advice is None
            if advice:
                ended.wait(float(advice))
        connection.close()

    threads = [threading.Thread(target=call) for _ in range(callers)]
    before, seen.began = processor_seconds(service.worker), time.monotonic()
    for thread in threads:
        thread.start()
    time.sleep(SECONDS)
    seen.processor, seen.ended = processor_seconds(service.worker) - before, time.monotonic()
    ended.set()
    for thread in threads:
        thread.join(120)
    return seen


def beside(service: Live, work: Callable[[], Any], *paths: str) -> dict[str, set[int]]:
    """Ask for some paths again and again while some work is done, and return the statuses that were met."""
    statuses: dict[str, set[int]] = {path: set() for path in paths}
    ended = threading.Event()

    def ask(path: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=120)
        while not ended.wait(0.2):
            connection.request(
                *(("POST", path, SMALL, {"Content-Type": "application/json"}) if "/v1/" in path else ("GET", path))
            )
            answer = connection.getresponse()
            answer.read()
            statuses[path].add(answer.status)
        connection.close()

    threads = [threading.Thread(target=ask, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    try:
        work()
    finally:
        ended.set()
        for thread in threads:
            thread.join(120)
    return statuses


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    # what is accepted may take long on a busy machine: here nothing is measured but who is
    monkeypatch.setenv("FORESELL_DEADLINE_SECONDS", "100")


@pytest.mark.slow
def test_three_times_too_many_large_calls_are_shed_and_the_rest_is_answered(sound: Releases, tmp_path: Path) -> None:
    with live(sound, tmp_path / "bentos") as service:
        load(service, 1, LARGE)
        peak = load(service, WORKERS, LARGE)
        found: list[Seen] = []
        statuses = beside(
            service, lambda: found.append(load(service, 3 * CAPACITY, LARGE)), "/livez", "/readyz", "/v1/repurchase"
        )
    (over,) = found
    print(f"\nlarge calls, {WORKERS} at once: {peak}\nlarge calls, {3 * CAPACITY} at once: {over}")
    assert statuses == {"/livez": {200}, "/readyz": {200}, "/v1/repurchase": {200}}
    assert (peak.failed, over.failed) == ([], [])
    assert set(peak.seconds) == {200}
    # the fault was injected: more than there was room for
    assert set(over.seconds) == {200, 429}
    assert over.count(429) >= 3 * CAPACITY - CAPACITY
    assert over.without_advice == 0
    # refused without waiting for what was accepted
    assert median(over.seconds[429]) < median(over.seconds[200]) / 3
    assert over.goodput_of_processor > 0.6 * peak.goodput_of_processor
    assert over.goodput > 0.3 * peak.goodput


@pytest.mark.slow
def test_small_calls_from_very_many_connections_are_all_answered(sound: Releases, tmp_path: Path) -> None:
    with live(sound, tmp_path / "bentos") as service:
        peak = load(service, 8, SMALL)
        found: list[Seen] = []
        statuses = beside(service, lambda: found.append(load(service, 256, SMALL)), "/livez", "/readyz")
    (over,) = found
    print(f"\nsmall calls, 8 at once: {peak}\nsmall calls, 256 at once: {over}")
    assert statuses == {"/livez": {200}, "/readyz": {200}}
    assert (peak.failed, over.failed) == ([], [])
    assert set(over.seconds) == {200}
    assert over.goodput_of_processor > 0.6 * peak.goodput_of_processor
    assert over.goodput > 0.3 * peak.goodput
