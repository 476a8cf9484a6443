import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service import metrics_folder
from service.metrics_folder import FOLDER_ENV, make_folder, use_folder


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    before = os.environ["PROMETHEUS_MULTIPROC_DIR"]
    monkeypatch.setattr(metrics_folder, "MEMORY", tmp_path)
    # so that it is as before afterwards
    monkeypatch.setenv(FOLDER_ENV, "")
    yield tmp_path
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = before


def test_workers_count_into_the_folder_that_was_made(memory: Path) -> None:
    make_folder()
    (folder,) = memory.iterdir()
    assert os.environ[FOLDER_ENV] == str(folder)
    use_folder()
    assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == str(folder)


def test_the_folders_of_services_that_are_over_go_and_those_of_others_stay(memory: Path) -> None:
    make_folder()
    (of_one_that_runs,) = memory.iterdir()
    over = memory / "foresell-metrics-over"
    over.mkdir()
    (over / ".lock").touch()
    (memory / "somebody-elses").mkdir()
    make_folder()
    left = set(memory.iterdir())
    assert over not in left
    assert {of_one_that_runs, memory / "somebody-elses"} <= left
    assert len(left) == 3


def test_the_figures_stay_where_they_were_when_there_is_no_memory_for_files(
    memory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(metrics_folder, "MEMORY", memory / "missing")
    before = os.environ["PROMETHEUS_MULTIPROC_DIR"]
    with caplog.at_level(logging.WARNING, "bentoml.foresell"):
        make_folder()
    assert "missing cannot be written: a full disk would end workers" in caplog.text
    use_folder()
    assert os.environ["PROMETHEUS_MULTIPROC_DIR"] == before


def test_what_a_killed_worker_said_of_itself_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    names = [f"gauge_livemin_{gone.pid}.db", f"counter_{gone.pid}.db", f"gauge_livemin_{os.getpid()}.db"]
    for name in names:
        (tmp_path / name).touch()
    monkeypatch.setenv(FOLDER_ENV, str(tmp_path))
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    use_folder()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])
