"""Row 1 of what is promised: a first release that is broken is named, tried again, and ends the service with code 1."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from models.errors import ReleaseMissingError
from models.release import Releases
from models.settings import ServiceSettings
from service.current import Current, Refusal
from service.demonstration import free_port
from service.drain import DRAIN_ENV
from service.first_start import SECONDS, START_ENV, FirstStart
from service.release import open_release
from service.serve import _command, service_environment
from service.supervisor import FAILED, SUPERVISOR_ENV, end_service
from service.watch import AGAIN_SECONDS, EVERY_SECONDS
from tests.processes import code_environment
from tests.service.releases import publish
from tests.service.test_release import flip

REFUSED = Refusal(release="r000001", code="corrupt_part", message="features.npy has sha256 0, the manifest says 1")


class Started:
    """A worker without an open release, a clock that a test moves, and a service that notes when it is ended."""

    def __init__(self, *, watched: bool = True) -> None:
        self.seconds, self.ends = 0.0, 0
        self.current = Current(ReleaseMissingError("no release"))
        self.start = FirstStart(
            self.current, watched=watched, seconds=SECONDS, clock=lambda: self.seconds, give_up=self._end
        )

    def _end(self) -> None:
        self.ends += 1

    def after(self, seconds: float) -> bool:
        self.seconds += seconds
        return self.start.look()


def test_the_service_ends_when_its_first_release_was_refused_for_too_long() -> None:
    started = Started()
    started.current.refuse(REFUSED)
    assert not started.after(0)
    assert not started.after(SECONDS - 1)
    assert started.ends == 0
    assert started.after(1)
    assert started.ends == 1
    # it was tried more often than once meanwhile
    assert SECONDS >= 3 * (AGAIN_SECONDS + EVERY_SECONDS)


def test_the_service_waits_for_as_long_as_nothing_is_published() -> None:
    started = Started()
    assert not started.after(100 * SECONDS)
    # the time counts from the refusal, not from the start
    started.current.refuse(REFUSED)
    assert not started.after(SECONDS)
    assert started.ends == 0
    assert started.after(SECONDS)
    assert started.ends == 1


def test_the_service_stays_when_a_release_opens_in_time(sound: Releases) -> None:
    started = Started()
    started.current.refuse(REFUSED)
    assert not started.after(0)
    started.current.swap(open_release(sound.folder))
    assert started.after(2 * SECONDS)
    # from now on the last good one serves, whatever comes
    started.current.refuse(REFUSED)
    assert started.after(2 * SECONDS)
    assert started.ends == 0


def test_the_time_begins_anew_when_a_refusal_was_taken_back() -> None:
    started = Started()
    started.current.refuse(REFUSED)
    started.after(0)
    started.current.accept()
    started.after(SECONDS - 1)
    started.current.refuse(REFUSED)
    assert not started.after(SECONDS - 1)
    assert started.after(SECONDS)


def test_a_bento_ends_whatever_it_lacks_because_nothing_would_notice_that_it_came() -> None:
    started = Started(watched=False)
    started.after(0)
    assert started.after(SECONDS)
    assert started.ends == 1


def test_nobody_is_hit_when_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    hit: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *what: hit.append(what))
    monkeypatch.delenv(SUPERVISOR_ENV, raising=False)
    end_service()
    # one that died, and whose children somebody else took over
    monkeypatch.setenv(SUPERVISOR_ENV, str(os.getppid() + 1))
    end_service()
    assert hit == []
    monkeypatch.setenv(SUPERVISOR_ENV, str(os.getppid()))
    end_service()
    assert hit == [(os.getppid(), signal.SIGUSR1)]


def test_the_process_that_starts_workers_leaves_with_1_when_one_asks_for_the_end() -> None:
    parent = """
import signal, subprocess, sys, threading
from service.supervisor import listen
ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
listen()
for _ in range(2):
    subprocess.run([sys.executable, "-c", "from service.supervisor import end_service; end_service()"], check=True)
print("drained" if ended.wait(30) else "never told", flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", parent], env=code_environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (FAILED, "drained\n"), done.stderr


@contextmanager
def serving(releases: Releases, home: Path, *, seconds: float) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Run the service as `foresell serve` does; yields once it answers."""
    port = free_port()
    environment = service_environment(releases.folder, home=home) | {START_ENV: f"{seconds}", DRAIN_ENV: "0"}
    home.mkdir()
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(_command(ServiceSettings(port=port)), env=environment, stdout=log, stderr=log)
    try:
        with httpx.Client(transport=httpx.HTTPTransport(retries=60), timeout=60) as client:
            client.get(f"http://127.0.0.1:{port}/livez")
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.slow
def test_a_broken_first_release_is_named_until_the_service_ends_with_exit_code_1(tmp_path: Path) -> None:
    releases = publish(tmp_path / "releases", tmp_path)
    path = releases.part(releases.current().store) / "features.npy"
    before = path.read_bytes()
    flip(path)
    # the injector did inject
    assert path.read_bytes() != before
    with serving(releases, tmp_path / "bentos", seconds=5) as (process, url):
        not_ready = httpx.get(f"{url}/readyz", timeout=30)
        alive = httpx.get(f"{url}/livez", timeout=30)
        call = httpx.post(f"{url}/v1/churn", json={"customers": ["c000001"]}, timeout=30)
        code = process.wait(60)
    assert (not_ready.status_code, alive.status_code, call.status_code) == (503, 200, 503)
    for answer in (not_ready, call):
        assert answer.json()["error"]["code"] in ("corrupt_part", "release_unusable")
        assert "features.npy has sha256" in answer.json()["error"]["message"]
    assert code == FAILED
    log = (tmp_path / "bentos" / "log").read_text()
    assert "no release could be opened within 5 s, the service ends: part" in log
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/livez", timeout=5)


@pytest.mark.slow
def test_a_service_without_a_release_waits_and_serves_the_first_one(tmp_path: Path) -> None:
    releases = publish(tmp_path / "releases", tmp_path)
    hidden = releases.pointer.rename(tmp_path / "hidden")
    with serving(releases, tmp_path / "bentos", seconds=1) as (process, url):
        time.sleep(5)
        assert process.poll() is None
        assert httpx.get(f"{url}/readyz", timeout=30).json()["error"]["code"] == "no_release"
        hidden.rename(releases.pointer)
        deadline = time.monotonic() + 60
        while httpx.get(f"{url}/readyz", timeout=30).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert process.poll() is None
        process.terminate()
        assert process.wait(30) == 0
