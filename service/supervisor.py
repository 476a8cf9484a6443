"""What a worker can ask of the process that started it: to end, and not with exit code 0.

BentoML's own process starts workers anew for as long as it lives, and exits with 0 whatever made it stop. A container
or a unit that is to be restarted, or reported, must end otherwise.
"""

import atexit
import logging
import os
import signal

SUPERVISOR_ENV = "FORESELL_SUPERVISOR"
"""Process id of the one that listens; workers inherit it."""
FAILED = 1
"""Exit code of a service that gave up."""

logger = logging.getLogger("bentoml.foresell")


def listen() -> None:
    """Let workers end this process; called in the one that starts them, before it does."""
    os.environ[SUPERVISOR_ENV] = str(os.getpid())
    signal.signal(signal.SIGUSR1, _on_failure)


def end_service() -> None:
    """End the whole service with exit code 1; does nothing but a line in the log where nobody listens."""
    parent = os.getppid()
    if os.environ.get(SUPERVISOR_ENV) != str(parent):
        # started in another way, or the one that started it is gone: whoever is the parent must not be hit
        logger.error("nobody listens to end the service; it stays, and is not ready")
        return
    os.kill(parent, signal.SIGUSR1)


def _on_failure(number: int, frame: object) -> None:  # noqa: ARG001
    # several workers may ask; the code is set once
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    atexit.register(_leave)
    # the way that it always ends: every worker drains first
    signal.raise_signal(signal.SIGTERM)


def _leave() -> None:
    logging.shutdown()
    os._exit(FAILED)
