"""Whole folders put in place at once: whoever is killed leaves the old one or the new one, never half of one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from models.errors import ConcurrentChangeError

_PREFIX = ".intake-"


@contextmanager
def workshop(parent: Path, targets: tuple[Path, ...]) -> Iterator[Path]:
    """Give an empty folder beside the targets to build their successors in; remove it afterwards.

    What a killed run left behind is tidied first: its folder is removed, and a target that it had moved aside without
    putting the new one in place comes back.

    Parameters
    ----------
    parent : Path
        The folder that holds the targets; made where it is missing.
    targets : tuple of Path
        The folders that ``put_in_place`` will replace.

    Raises
    ------
    ConcurrentChangeError
        Another process is at work in ``parent``.
    """
    parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(parent / ".intake.lock", timeout=0):
            _tidy(parent, targets)
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    except Timeout as error:
        raise ConcurrentChangeError(f"another intake is at work in {parent}; wait until it has ended") from error


def put_in_place(new: Path, target: Path) -> None:
    """Replace a folder by another one of the same file system; on failure the old one stays."""
    aside = _aside(target)
    if not target.exists():
        os.replace(new, target)
        return
    os.replace(target, aside)
    try:
        os.replace(new, target)
    except OSError:
        os.replace(aside, target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _tidy(parent: Path, targets: tuple[Path, ...]) -> None:
    for target in targets:
        aside = _aside(target)
        if aside.exists() and not target.exists():
            os.replace(aside, target)
        shutil.rmtree(aside, ignore_errors=True)
    for leftover in parent.glob(f"{_PREFIX}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
