import errno
import fcntl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from training.file_locks import alone


def test_one_waits_until_the_other_has_left_the_block(tmp_path: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def other() -> None:
        inside.wait()
        with alone(tmp_path / "lock"):
            order.append("second")

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other)
        with alone(tmp_path / "lock"):
            inside.set()
            # long enough for the other to be in as well, if nothing held it back
            time.sleep(0.3)
            order.append("first")
        waiting.result()
    assert order == ["first", "second"]


def test_nobody_waits_when_the_file_system_has_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(*args: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", without)
    with alone(tmp_path / "lock"), alone(tmp_path / "lock"):
        pass
