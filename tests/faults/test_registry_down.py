"""Row 3 of what is promised: a registry that is down or slow stops no scoring and no start, and changes nothing."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

import foresell
from models.release import Releases
from models.settings import load_settings
from service.demonstration import free_port
from tests.commands import Command
from tests.faults.proxy import Kind, Proxy, proxied
from tests.service.conftest import client_of
from tests.shop import FAITHFUL, open_shop
from training.registry import CHALLENGER, CHAMPION, Version
from training.tracking import Tracker

URI = "FORESELL_TRACKING__URI"
WITHIN_SECONDS = 100.0
"""Seconds on an idle machine; left alone, MLflow tries for many minutes."""
CHANGING = (
    ("promote", "churn"),
    ("publish",),
    ("rollback", "churn"),
    ("train", "churn"),
)


def assert_one_line(said: Any, began: float) -> None:
    assert said.code == 2, said
    last = said.err.strip().splitlines()[-1]
    assert last.startswith("foresell: ")
    assert "MLflow at " in last
    assert "Traceback" not in said.err
    assert time.monotonic() - began < WITHIN_SECONDS


def test_serving_and_starting_need_no_registry(
    published_shop: Path, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URI, f"http://127.0.0.1:{free_port()}")
    reached: list[Any] = []
    connect = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", lambda each, to: (reached.append(to), connect(each, to))[1])
    with client_of(published_shop / "releases", monkeypatch) as client:
        assert client.get("/readyz").status_code == 200
        answer = client.post("/v1/churn", json={"customers": [FAITHFUL]})
        assert answer.json()["answers"][0]["status"] == "ok"
    assert command("score", "churn", "--out", tmp_path / "churn.csv", "--workspace", published_shop).code == 0
    assert reached == []


@pytest.fixture
def shop(churn_shop: Path, tmp_path: Path, command: Command) -> Path:
    """A shop with two releases of different versions, and a challenger."""
    shop = Path(shutil.copytree(churn_shop, tmp_path / "shop"))
    Tracker(load_settings(shop)).set_alias("churn", CHAMPION, 1)
    assert command("publish", "--workspace", shop).code == 0
    return shop


@pytest.mark.slow
@pytest.mark.parametrize("how", ["its port is closed", "somebody locks its file"])
def test_one_line_and_nothing_changed_when_the_registry_is_down(
    command: Command, shop: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    tracker = Tracker(load_settings(shop))
    versions, pointer = tracker.versions("churn"), Releases(shop / "releases").pointer.read_bytes()
    with closing(sqlite3.connect(shop / "mlruns" / "mlflow.db", isolation_level=None)) as other:
        if how == "its port is closed":
            port = free_port()
            with pytest.raises(ConnectionRefusedError), socket.socket() as probe:
                probe.connect(("127.0.0.1", port))
            monkeypatch.setenv(URI, f"http://127.0.0.1:{port}")
        else:
            other.execute("BEGIN EXCLUSIVE")
        for words in CHANGING:
            began = time.monotonic()
            assert_one_line(command(*words, "--workspace", shop), began)
    assert tracker.versions("churn") == versions
    assert Releases(shop / "releases").pointer.read_bytes() == pointer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """MLflow's own tracking server, behind a proxy."""
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "artifacts")),
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while not _answers(port):
            assert time.monotonic() < deadline, (folder / "log").read_text()
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.2)
        with proxied(port) as proxy:
            yield proxy
    finally:
        # its workers too
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


class Remote:
    """A shop whose models are registered on a server that is reached through a proxy."""

    def __init__(self, folder: Path, proxy: Proxy) -> None:
        self.folder, self.proxy = folder, proxy
        # past the proxy: what is there, whatever befalls the command
        direct = load_settings(folder)
        uri = f"http://127.0.0.1:{proxy.target}"
        self.tracker = Tracker(direct.model_copy(update={"tracking": direct.tracking.model_copy(update={"uri": uri})}))

    def alias(self, name: str) -> Version | None:
        return self.tracker.version_by_alias("churn", name)


@pytest.fixture(scope="module")
def remote(server: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    shop = open_shop(tmp_path_factory.mktemp("remote"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(URI, f"http://127.0.0.1:{server.port}")
        for words in (["train", "churn"], ["promote", "churn"], ["publish"]):
            foresell.app([*words, "--workspace", str(shop), "--json"], standalone_mode=False)
        found = Remote(shop, server)
        # a second release of another version: there is something to roll back to
        found.tracker.set_alias("churn", CHAMPION, 1)
        for words in (["publish"], ["train", "churn"]):
            foresell.app([*words, "--workspace", str(shop), "--json"], standalone_mode=False)
        yield found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["late", "reset", "half-closed"])
def test_one_line_and_nothing_changed_when_the_server_is_slow_or_cut_off(
    command: Command, remote: Remote, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind == "late":
        # of what would be 20
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    champion, challenger = remote.alias(CHAMPION), remote.alias(CHALLENGER)
    versions = remote.tracker.versions("churn")
    pointer = Releases(remote.folder / "releases").pointer.read_bytes()
    assert champion
    assert challenger
    for words in (("promote", "churn"), ("rollback", "churn")):
        remote.proxy.set_fault(kind, seconds=6)
        began = time.monotonic()
        said = command(*words, "--workspace", remote.folder)
        # the injector did inject
        assert remote.proxy.injected > 0
        remote.proxy.set_fault(None)
        assert_one_line(said, began)
    assert remote.tracker.versions("churn") == versions
    assert Releases(remote.folder / "releases").pointer.read_bytes() == pointer


_MOMENTS: dict[str, Callable[[str], bool]] = {
    "when its artifact is kept": lambda line: line.startswith("PUT") and "mlflow-artifacts" in line,
    "when it is named champion": lambda line: line.startswith("POST") and "/registered-models/alias" in line,
}


@pytest.mark.slow
def test_the_champion_stays_when_the_server_is_cut_off_amid_a_promotion(command: Command, remote: Remote) -> None:
    champion, challenger = remote.alias(CHAMPION), remote.alias(CHALLENGER)
    for moment, hits in _MOMENTS.items():
        remote.proxy.set_fault("reset", hits)
        said = command("promote", "churn", "--workspace", remote.folder)
        assert remote.proxy.injected > 0, moment
        remote.proxy.set_fault(None)
        assert_one_line(said, time.monotonic())
        assert (remote.alias(CHAMPION), remote.alias(CHALLENGER)) == (champion, challenger), moment


@pytest.mark.slow
def test_a_promotion_is_one_when_the_server_is_cut_off_after_the_champion_was_named(
    command: Command, remote: Remote
) -> None:
    champion, challenger = remote.alias(CHAMPION), remote.alias(CHALLENGER)
    assert champion
    assert challenger
    named = False

    def after_the_naming(line: str) -> bool:
        nonlocal named
        before, named = named, named or (line.startswith("POST") and "/registered-models/alias" in line)
        return before

    remote.proxy.set_fault("reset", after_the_naming)
    said = command("promote", "churn", "--workspace", remote.folder)
    assert remote.proxy.injected > 0
    remote.proxy.set_fault(None)
    assert said.code == 0, said
    now = remote.alias(CHAMPION)
    assert now
    assert f"version {now.version} is the champion" in said.out
    assert now.version > champion.version
    assert remote.tracker.evaluated(now).version == challenger.version
    assert command("publish", "--workspace", remote.folder).code == 0
