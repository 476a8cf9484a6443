import os
from pathlib import Path

import pytest

from models.errors import ConcurrentChangeError
from training.swap import put_in_place, workshop


def folder(path: Path, content: str) -> Path:
    path.mkdir(parents=True)
    (path / "file").write_text(content)
    return path


def test_folder_is_replaced_when_there_is_an_old_one(tmp_path: Path) -> None:
    put_in_place(folder(tmp_path / "new", "new"), folder(tmp_path / "tables", "old"))
    assert (tmp_path / "tables" / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["tables"]


def test_old_folder_stays_when_the_new_one_cannot_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, target = folder(tmp_path / "new", "new"), folder(tmp_path / "tables", "old")
    replace = os.replace

    def fails_for_the_new(source: Path, destination: Path) -> None:
        if source == new:
            raise OSError("no space")
        replace(source, destination)

    monkeypatch.setattr(os, "replace", fails_for_the_new)
    with pytest.raises(OSError, match="no space"):
        put_in_place(new, target)
    assert (target / "file").read_text() == "old"


def test_old_folder_comes_back_when_a_run_was_killed_between_the_two_moves(tmp_path: Path) -> None:
    folder(tmp_path / ".tables.old", "old")
    folder(tmp_path / ".intake-killed", "half")
    with workshop(tmp_path, (tmp_path / "tables",)) as work:
        assert (tmp_path / "tables" / "file").read_text() == "old"
        assert sorted(tmp_path.glob(".intake-*")) == [work]
    assert not work.exists()


def test_second_run_is_refused_when_the_first_is_at_work(tmp_path: Path) -> None:
    with (
        workshop(tmp_path, ()),
        pytest.raises(ConcurrentChangeError, match=r"another intake is at work in .*; wait until it has ended"),
        workshop(tmp_path, ()),
    ):
        pass
