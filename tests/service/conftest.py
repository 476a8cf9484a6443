import os
import shutil
import tempfile

# before bentoml is imported: it makes folders in the home folder, counts its users and sets its metrics up once
os.environ["BENTOML_HOME"] = tempfile.mkdtemp(prefix="bentoml-")
os.environ["BENTOML_DO_NOT_TRACK"] = "True"
os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="metrics-")

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from models.release import Releases
from tests.service.releases import publish


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """A release of simple models over 200 customers; shared, never to be changed."""
    folder = tmp_path_factory.mktemp("published")
    scratch = tmp_path_factory.mktemp("scratch")
    return publish(folder, scratch)


@pytest.fixture
def releases(published: Releases, tmp_path: Path) -> Releases:
    """A copy of the release that may be broken."""
    shutil.copytree(published.folder, tmp_path / "releases")
    return Releases(tmp_path / "releases")


def client_of(releases: Path | None, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    from prometheus_client import REGISTRY

    from service.app import Foresell

    # BentoML registers its metrics once a process; here the service starts many times in one
    for collector in list(REGISTRY._collector_to_names):
        REGISTRY.unregister(collector)
    monkeypatch.delenv("FORESELL_STORE", raising=False)
    if releases is None:
        monkeypatch.delenv("FORESELL_RELEASES", raising=False)
    else:
        monkeypatch.setenv("FORESELL_RELEASES", str(releases))
    return TestClient(Foresell.to_asgi(), "http://127.0.0.1", raise_server_exceptions=False)


@pytest.fixture(scope="module")
def client(published: Releases) -> Iterator[TestClient]:
    """The service in this process, over the shared release."""
    with pytest.MonkeyPatch.context() as monkeypatch, client_of(published.folder, monkeypatch) as opened:
        yield opened


@pytest.fixture
def open_client(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that starts the service in this process over a folder."""
    return lambda releases: client_of(releases, monkeypatch)
