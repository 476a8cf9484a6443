"""Row 14 of what is promised: a worker that dies is replaced, and no answer is wrong meanwhile."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.demonstration import free_port
from service.serve import running
from tests.processes import workers
from tests.service.releases import customer_ids, publish

BODY = {"customers": customer_ids(5)}


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_dies_is_replaced_and_answers_as_before(tmp_path: Path, how: signal.Signals) -> None:
    releases = publish(tmp_path / "releases", tmp_path)
    port = free_port()
    answers: list[Any] = []
    cut: list[str] = []
    ended = threading.Event()

    def call(url: str) -> None:
        with httpx.Client(timeout=60) as client:
            while not ended.is_set():
                try:
                    answer = client.post(f"{url}/v1/churn", json=BODY)
                except httpx.TransportError as error:
                    # the connection of the worker that died, or nobody there yet: no answer, and no wrong one
                    cut.append(repr(error))
                    time.sleep(0.1)
                    continue
                answers.append((answer.status_code, answer.json()))

    with running(releases.folder, port, home=tmp_path / "bentos") as url:
        expected = httpx.post(f"{url}/v1/churn", json=BODY, timeout=60).json()
        before = workers()
        assert before
        callers = [threading.Thread(target=call, args=(url,), daemon=True) for _ in range(4)]
        for caller in callers:
            caller.start()
        time.sleep(1)
        for worker in before:
            os.kill(worker, how)
        deadline = time.monotonic() + 60
        while not workers() - before:
            assert time.monotonic() < deadline, "no new worker"
            time.sleep(0.1)
        counted = len(answers)
        while len(answers) < counted + 20:
            assert time.monotonic() < deadline, "the new worker does not answer"
            time.sleep(0.1)
        ended.set()
        for caller in callers:
            caller.join(60)
    # the fault was injected: its connections were cut
    assert cut
    assert {status for status, _ in answers} == {200}
    assert all(answer == expected for _, answer in answers)
