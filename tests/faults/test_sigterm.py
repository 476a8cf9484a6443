"""Row 13 of what is promised: SIGTERM under load loses no call."""

import signal
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest

from models.settings import ServiceSettings
from service.demonstration import free_port
from service.drain import DRAIN_ENV
from service.serve import _command, service_environment
from tests.service.releases import customer_ids, publish

DRAIN_SECONDS = 2.0
CALLERS = 8


@pytest.mark.slow
def test_calls_are_answered_until_the_service_has_said_long_enough_that_it_is_not_ready(tmp_path: Path) -> None:
    releases = publish(tmp_path / "releases", tmp_path)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = service_environment(releases.folder, home=tmp_path / "bentos") | {DRAIN_ENV: str(DRAIN_SECONDS)}
    command = _command(ServiceSettings(port=port))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    answered: list[float] = []
    lost: list[tuple[float, str]] = []
    ready, ended = threading.Event(), threading.Event()

    def probe() -> None:
        """Ask for readiness as whoever spreads the calls does, and send nothing more when it is gone."""
        with httpx.Client(timeout=10) as client:
            while client.get(f"{url}/readyz").status_code == 200:
                ready.set()
                time.sleep(0.2)
        ended.set()

    def call(*, heedless: bool) -> None:
        with httpx.Client(timeout=10) as client:
            while heedless or not ended.is_set():
                try:
                    answer = client.post(f"{url}/v1/churn", json={"customers": customer_ids(5)})
                    answer.raise_for_status()
                except httpx.HTTPError as error:
                    lost.append((time.monotonic(), repr(error)))
                    return
                answered.append(time.monotonic())

    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=60), timeout=60) as client:
            assert client.get(f"{url}/readyz").status_code == 200
        heeding = [threading.Thread(target=call, kwargs={"heedless": False}, daemon=True) for _ in range(CALLERS)]
        callers = [
            threading.Thread(target=probe, daemon=True),
            *heeding,
            threading.Thread(target=call, kwargs={"heedless": True}, daemon=True),
        ]
        for caller in callers:
            caller.start()
        assert ready.wait(30)
        time.sleep(1)
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        not_ready = httpx.get(f"{url}/readyz", timeout=5)
        assert not_ready.status_code == 503
        assert not_ready.json()["error"]["code"] == "not_ready"
        assert httpx.get(f"{url}/livez", timeout=5).status_code == 200
        code = process.wait(30)
        took = time.monotonic() - told
        for caller in callers:
            caller.join(30)
    finally:
        process.kill()
        process.wait()
    assert code == 0
    assert DRAIN_SECONDS <= took < 30
    assert len(answered) > 100
    # who does not heed readiness is answered for as long as the drain lasts, and meets a closed door then
    assert max(answered) > told + 0.8 * DRAIN_SECONDS
    assert [error for _, error in lost][1:] == []
    assert [at > told + 0.8 * DRAIN_SECONDS for at, _ in lost] == [True]
