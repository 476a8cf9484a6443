"""Fixtures that several folders share: a small shop whose models were trained, promoted and published once."""

import shutil
from pathlib import Path

import pytest

import foresell
from tests.commands import Command, command_line
from tests.shop import open_shop


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command line in this process."""
    return command_line(capsys, monkeypatch)


@pytest.fixture(scope="session")
def published_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop with two champions and a release. Shared: tests that change it take ``own_shop``."""
    workspace = open_shop(tmp_path_factory.mktemp("published"))
    for word in ("train", "promote", "publish"):
        foresell.app([word, "--workspace", str(workspace), "--json"], standalone_mode=False)
    return workspace


@pytest.fixture
def own_shop(published_shop: Path, tmp_path: Path) -> Path:
    """A copy of the published shop that a test may change."""
    return Path(shutil.copytree(published_shop, tmp_path / "shop"))
