import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import pytest

from models.errors import NotEnoughDataError, TrackingError
from training.run_locks import abandoned, held
from training.tracking import Tracker


def locks(tracker: Tracker) -> Path:
    return tracker.settings.workspace / "mlruns" / ".running"


def died(tracker: Tracker, *, tag: str | None = None) -> str:
    """Leave what a killed process leaves: a run that is still RUNNING, and a lock that nobody holds."""
    with held(locks(tracker)) as lock:
        tags = {"foresell.kind": "train", "foresell.lock": tag or lock.name}
        run_id: str = tracker.client.create_run(tracker.experiment("churn"), tags=tags).info.run_id
    return run_id


def status(tracker: Tracker, run_id: str) -> str:
    found: str = tracker.client.get_run(run_id).info.status
    return found


def test_a_lock_is_abandoned_when_nobody_holds_it(tmp_path: Path) -> None:
    with held(tmp_path) as first:
        pass
    with held(tmp_path) as second:
        assert [lock.name for lock in abandoned(tmp_path)] == [first.name] != [second.name]


def test_there_is_nothing_abandoned_when_there_is_no_folder(tmp_path: Path) -> None:
    assert list(abandoned(tmp_path / "none")) == []


def test_a_lock_is_left_alone_when_it_belongs_to_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with held(tmp_path) as theirs, held(tmp_path) as ours:
        pass
    opened = os.open

    def refused(path: Any, flags: int, *more: Any, **options: Any) -> int:
        # what the mode 0644 comes to for others; chmod stops no root
        if Path(path) == theirs.path and flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, flags, *more, **options)

    monkeypatch.setattr(os, "open", refused)
    assert [lock.name for lock in abandoned(tmp_path)] == [ours.name]
    assert theirs.path.exists()


@pytest.mark.parametrize("answer", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK])
def test_nothing_is_ever_abandoned_when_the_file_system_has_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    with held(tmp_path) as left_by_another_machine:
        pass

    def without(*args: object) -> None:
        raise OSError(answer, os.strerror(answer))

    monkeypatch.setattr(fcntl, "flock", without)
    with held(tmp_path) as lock:
        assert list(abandoned(tmp_path)) == []
        assert not lock.path.exists()
        assert lock.name != left_by_another_machine.name
    assert list(tmp_path.iterdir()) == [left_by_another_machine.path]


def test_a_lock_that_fails_otherwise_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", broken)
    with pytest.raises(OSError, match="Input/output error"), held(tmp_path):
        pytest.fail("it is not held")


def test_the_next_run_marks_a_run_as_failed_when_its_process_is_gone(tracker: Tracker) -> None:
    dead = died(tracker)
    with tracker.run("repurchase", "next", kind="train") as run_id:
        found = tracker.client.get_run(dead)
        assert found.info.status == "FAILED"
        assert found.data.tags["foresell.error"].startswith("its end was not noted: its process was killed or")
    assert status(tracker, run_id) == "FINISHED"
    assert list(locks(tracker).iterdir()) == []


def test_a_run_is_left_alone_when_its_process_lives(tracker: Tracker) -> None:
    with tracker.run("churn", "one", kind="train") as one, tracker.run("churn", "two", kind="train"):
        assert status(tracker, one) == "RUNNING"


def test_a_run_is_left_alone_when_another_workspace_made_it(tracker: Tracker) -> None:
    # on a shared server: its lock is in a folder that is not here
    elsewhere = died(tracker, tag="f" * 32)
    tracker.close_abandoned()
    assert status(tracker, elsewhere) == "RUNNING"


def test_a_run_keeps_its_end_when_it_was_noted_before_the_lock_went(tracker: Tracker) -> None:
    dead = died(tracker)
    tracker.client.set_terminated(dead, "FINISHED")
    tracker.close_abandoned()
    assert status(tracker, dead) == "FINISHED"


def test_a_failure_is_noted_later_when_the_server_was_down(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*args: object) -> None:
        raise tracker.mlflow.MlflowException("gone")

    with monkeypatch.context() as patch:
        patch.setattr(tracker.client, "set_terminated", down)
        with pytest.raises(NotEnoughDataError), tracker.run("churn", "bad", kind="train") as run_id:
            raise NotEnoughDataError("too few")
    assert status(tracker, run_id) == "RUNNING"
    tracker.close_abandoned()
    assert status(tracker, run_id) == "FAILED"


def test_a_run_that_succeeded_while_the_server_was_down_is_not_said_to_have_been_killed(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*args: object) -> None:
        raise tracker.mlflow.MlflowException("gone")

    with monkeypatch.context() as patch:
        patch.setattr(tracker.client, "set_terminated", down)
        with pytest.raises(TrackingError, match="gone"), tracker.run("churn", "good", kind="train") as run_id:
            pass
    tracker.close_abandoned()
    found = tracker.client.get_run(run_id)
    assert found.info.status == "FAILED"
    assert found.data.tags["foresell.error"] == (
        "its end was not noted: its process was killed or the machine went down, or MLflow did not answer"
    )


def test_a_lock_stays_when_the_server_does_not_answer(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> None:
        raise OSError("down")

    died(tracker)
    monkeypatch.setattr(tracker.client, "search_experiments", down)
    with pytest.raises(TrackingError, match="down"):
        tracker.close_abandoned()
    assert len(list(locks(tracker).iterdir())) == 1
