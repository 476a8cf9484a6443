"""Fixtures that several modules share: a small shop, and the real sample, each trained, promoted and published once."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import foresell
from models.prediction import Served
from models.settings import load_settings
from service.demonstration import free_port
from service.release import open_release
from service.serve import running
from tests.commands import Command, command_line
from tests.processes import CHECKOUT, run_foresell
from tests.shop import open_shop
from tests.whole_path import Sample
from training.tracking import Tracker


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command line in this process."""
    return command_line(capsys, monkeypatch)


@pytest.fixture(scope="session")
def published_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with champions and a release. Shared: tests that change it take ``own_shop``."""
    workspace = open_shop(tmp_path_factory.mktemp("published"))
    for word in ("train", "promote", "publish"):
        foresell.app([word, "--workspace", str(workspace), "--json"], standalone_mode=False)
    return workspace


@pytest.fixture
def own_shop(published_shop: Path, tmp_path: Path) -> Path:
    """A copy of the published shop that a test may change."""
    return Path(shutil.copytree(published_shop, tmp_path / "shop"))


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    workspace = tmp_path_factory.mktemp("sample")
    shutil.copy(CHECKOUT / "foresell.toml", workspace)
    report = json.loads(run_foresell("check", "--json", workspace=workspace))
    assert all(verdict["ready"] for verdict in report["verdicts"])
    trained = json.loads(run_foresell("train", "--json", workspace=workspace))
    run_foresell("promote", workspace=workspace)
    run_foresell("publish", workspace=workspace)
    return Sample(load_settings(workspace), {line["prediction"]: line["run_id"] for line in trained})


@pytest.fixture(scope="session")
def service(sample: Sample) -> Iterator[httpx.Client]:
    with (
        running(sample.settings.releases, free_port(), home=sample.workspace / "bentos") as url,
        httpx.Client(base_url=url, timeout=120, headers={"content-type": "application/json"}) as client,
    ):
        yield client


@pytest.fixture(scope="session")
def tracker(sample: Sample) -> Tracker:
    return Tracker(sample.settings)


@pytest.fixture(scope="session")
def served(sample: Sample) -> dict[str, Served]:
    return dict(open_release(sample.settings.releases).served)
