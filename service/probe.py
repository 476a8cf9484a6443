"""Opens a release in a process of its own: bytes that kill or hang a parser take that one, and not the service."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

from models.errors import ForesellError
from models.release import Releases
from service.current import Refusal
from service.errors import ReleaseUnusableError
from service.lean import leave_out
from service.release import open_release

SECONDS = 120.0
"""For verifying and opening; a store of ten million customers takes half a minute."""
REFUSED = 3
"""Exit code of a release that must not serve; what is wrong is on standard output."""

logger = logging.getLogger("bentoml.foresell")


def probe(releases: Releases, name: str, *, seconds: float = SECONDS) -> Refusal | None:
    """Open a release in a child process, golden rows included.

    Parameters
    ----------
    releases : Releases
        The folder.
    name : str
        The release.
    seconds : float
        How long it may take.

    Returns
    -------
    Refusal or None
        Why it must not serve; also where the child died or did not end in time.
    """
    # the code that runs here, whichever way it came to be importable
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "service.probe", str(releases.folder.resolve()), name]
    try:
        child = subprocess.run(command, env=environment, capture_output=True, timeout=seconds, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return _unusable(name, f"it did not open within {seconds:.0f} s; roll back")
    if child.returncode == REFUSED:
        # whatever else was printed came before
        return Refusal.model_validate_json(child.stdout.splitlines()[-1])
    if child.returncode:
        last_words = child.stderr.decode("utf-8", "replace")[-2_000:]
        logger.error("opening release %s ended a process with %d: %s", name, child.returncode, last_words)
        return _unusable(
            name, f"opening it ended a process with {child.returncode}, the log has its last words; roll back"
        )
    return None


def _unusable(name: str, message: str) -> Refusal:
    return Refusal.of(name, ReleaseUnusableError(message))


def _main(folder: str, name: str) -> int:
    # whoever waits for it may be gone before it is: it ends by itself
    signal.alarm(int(SECONDS) + 1)
    leave_out()
    releases = Releases(Path(folder))
    try:
        open_release(releases.folder, releases.manifest(name))
    except ForesellError as error:
        sys.stdout.write(Refusal.of(name, error).model_dump_json())
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
