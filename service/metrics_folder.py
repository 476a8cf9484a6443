"""Where the workers put their figures together: files in memory.

prometheus_client writes through memory maps. On a full disk the first write to a new page ends the process with SIGBUS,
and every worker that takes its place; BentoML would keep the files in its home, on the disk that everything fills.
"""

import atexit
import fcntl
import logging
import os
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

FOLDER_ENV = "FORESELL_METRICS_FOLDER"
"""Names the folder; workers inherit it."""
MEMORY = Path("/dev/shm")  # noqa: S108 (a file system in memory, where there is one)
_PREFIX = "foresell-metrics-"
_LOCK = ".lock"

logger = logging.getLogger("bentoml.foresell")


def make_folder() -> None:
    """Make the folder; called in the process that starts the workers, before it does."""
    try:
        _sweep()
        folder = Path(mkdtemp(prefix=_PREFIX, dir=MEMORY))
        # held until this process is gone, however it ends
        fcntl.flock(os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR), fcntl.LOCK_SH)
    except OSError:
        logger.warning("%s cannot be written: a full disk would end workers that count something new", MEMORY)
        return
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ[FOLDER_ENV] = str(folder)


def use_folder() -> None:
    """Count into the folder that was made; called in a worker, before anything is counted."""
    folder = os.environ.get(FOLDER_ENV)
    if folder and Path(folder).is_dir():
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        _forget_dead(Path(folder))


def _forget_dead(folder: Path) -> None:
    """Remove what killed workers said of themselves: it would be said for ever."""
    # imported here: it reads once, when it is imported, where processes put their figures together
    from prometheus_client.multiprocess import mark_process_dead

    for path in folder.glob("gauge_live*_*.db"):
        process = int(path.stem.rpartition("_")[2])
        try:
            os.kill(process, 0)
        except (ProcessLookupError, PermissionError):
            # gone, or the number is somebody else's now
            mark_process_dead(process, str(folder))  # type: ignore[no-untyped-call]


def _sweep() -> None:
    """Remove the folders of services that are over."""
    for folder in MEMORY.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            lock = os.open(folder / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(lock)
