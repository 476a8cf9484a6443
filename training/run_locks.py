"""Which runs are at work in this workspace: a lock file each, which the kernel frees when the process dies.

Nobody can note the own SIGKILL. So a run holds a file in ``mlruns/.running`` for as long as its process lives, and
whoever comes next and finds one free knows that the run is over and its end was not noted. Runs of other workspaces on
a shared tracking server have no file here and are never taken for dead; no process id is compared, which a process in
another container may bear too.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from errno import ENOLCK, ENOSYS, ENOTSUP
from pathlib import Path
from uuid import uuid4

from filelock import FileLock

_SUFFIX = ".lock"
# what a file system without locks answers
_NO_LOCKS = (ENOLCK, ENOSYS, ENOTSUP)


@dataclass(frozen=True)
class RunLock:
    """A lock that is held.

    Parameters
    ----------
    path : Path
        Its file; the name without suffix is no other run's.
    """

    path: Path

    @property
    def name(self) -> str:
        """What the run is tagged with."""
        return self.path.stem

    def remove(self) -> None:
        """Say that the end of the run is noted; otherwise the file stays for the next one to find."""
        self.path.unlink(missing_ok=True)


@contextmanager
def held(folder: Path) -> Iterator[RunLock]:
    """Hold a new lock in a folder, which is made where it is missing; it has no file where there are no locks."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = RunLock(folder / f"{uuid4().hex}{_SUFFIX}")
    with ExitStack() as stack:
        try:
            stack.enter_context(_kernel_lock(lock.path))
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            # nobody may take for dead what cannot show that it lives
            lock.remove()
        yield lock


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process is in the block of this file; where there are no locks nobody waits."""
    with ExitStack() as stack:
        try:
            stack.enter_context(_kernel_lock(path))
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield


def abandoned(folder: Path) -> Iterator[RunLock]:
    """Take and yield the locks of a folder that nobody holds any more, one by one."""
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        with ExitStack() as stack:
            try:
                stack.enter_context(_kernel_lock(path, timeout=0))
            except OSError:
                # held (a Timeout), another user's, or without locks: not known to be free
                continue
            yield RunLock(path)


def _kernel_lock(path: Path, *, timeout: float = -1) -> FileLock:
    # filelock's own way out would compare process ids and host names
    return FileLock(path, timeout=timeout, fallback_to_soft=False)
