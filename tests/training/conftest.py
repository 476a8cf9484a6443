import shutil
from pathlib import Path

import pytest

from models.settings import Settings, SourceSettings, TrackingSettings
from training.tracking import Tracker


def workspace_settings(workspace: Path, uri: str | None = None) -> Settings:
    return Settings(
        workspace=workspace,
        source=SourceSettings(builtin="complete-journey"),
        tracking=TrackingSettings(uri=uri),
    )


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """An MLflow database without runs: making one takes seconds, copying it none."""
    settings = workspace_settings(tmp_path_factory.mktemp("empty"))
    Tracker(settings)
    return settings.workspace / "mlruns" / "mlflow.db"


@pytest.fixture(scope="session")
def new_tracker(empty_store, tmp_path_factory):
    """Make a tracker on a store of its own."""

    def make() -> Tracker:
        workspace = tmp_path_factory.mktemp("workspace")
        (workspace / "mlruns").mkdir()
        shutil.copy(empty_store, workspace / "mlruns" / "mlflow.db")
        return Tracker(workspace_settings(workspace))

    return make


@pytest.fixture
def tracker(new_tracker):
    return new_tracker()
