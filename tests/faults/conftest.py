from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import foresell
from models.release import Releases
from tests.service.conftest import client_of
from tests.service.releases import publish
from tests.shop import open_shop


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """A release of our own methods: boosters, regressions and rankers; shared, never to be changed."""
    return publish(tmp_path_factory.mktemp("sound"), tmp_path_factory.mktemp("scratch"), method=0)


@pytest.fixture(scope="session")
def churn_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with one release of churn, and a challenger since; shared, tests take copies."""
    shop = open_shop(tmp_path_factory.mktemp("churn"))
    for words in (["train", "churn"], ["promote", "churn"], ["publish"], ["train", "churn"]):
        foresell.app([*words, "--workspace", str(shop), "--json"], standalone_mode=False)
    return shop


@pytest.fixture(scope="module")
def sound_client(sound: Releases) -> Iterator[TestClient]:
    """The service in this process, over the sound release."""
    with pytest.MonkeyPatch.context() as monkeypatch, client_of(sound.folder, monkeypatch) as opened:
        yield opened
