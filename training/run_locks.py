"""Which runs are at work in this workspace: a lock file each, which the kernel frees when the process dies.

Nobody can note the own SIGKILL. So a run holds a file in ``mlruns/.running`` for as long as its process lives, and
whoever comes next and finds one free knows that the run is over and its end was not noted. Runs of other workspaces on
a shared tracking server have no file here and are never taken for dead; no process id is compared, which a process in
another container may bear too.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from training.file_locks import NO_LOCKS, kernel_lock

_SUFFIX = ".lock"


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
            stack.enter_context(kernel_lock(lock.path))
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            # nobody may take for dead what cannot show that it lives
            lock.remove()
        yield lock


def abandoned(folder: Path) -> Iterator[RunLock]:
    """Take and yield the locks of a folder that nobody holds any more, one by one."""
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        with ExitStack() as stack:
            try:
                stack.enter_context(kernel_lock(path, timeout=0))
            except OSError:
                # held (a Timeout), another user's, or without locks: not known to be free
                continue
            yield RunLock(path)
