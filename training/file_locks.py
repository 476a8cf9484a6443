"""Locks on files that the kernel frees when a process dies, and file systems that have none."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from errno import ENOLCK, ENOSYS, ENOTSUP
from pathlib import Path

from filelock import FileLock

NO_LOCKS = (ENOLCK, ENOSYS, ENOTSUP)
"""What a file system without locks answers, as ``errno``."""


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process is in the block of this file; where there are no locks nobody waits."""
    with ExitStack() as stack:
        try:
            stack.enter_context(kernel_lock(path))
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        yield


def kernel_lock(path: Path, *, timeout: float = -1) -> FileLock:
    """Return a lock that is not held yet.

    Parameters
    ----------
    path : Path
        Its file, which is made where it is missing.
    timeout : float
        Seconds to wait for whoever holds it; negative = for as long as it takes.
    """
    # filelock's own way out would compare process ids and host names
    return FileLock(path, timeout=timeout, fallback_to_soft=False)
