"""The end of a worker without a lost call: not ready at once, answering for some seconds more, and only then over."""

import asyncio
import signal
import threading
from types import FrameType

from service.environment import seconds_of

DRAIN_ENV = "FORESELL_DRAIN_SECONDS"
SECONDS = 5.0
"""Until those who send calls have seen that the service is not ready."""


class Drain:
    """What a worker does when it is told to end with SIGTERM; the second one ends it at once.

    Parameters
    ----------
    seconds : float, optional
        How long it still answers new calls; default: what the environment says, or 5.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds_of(DRAIN_ENV, SECONDS) if seconds is None else seconds
        self.begun = False
        """Whether it was told to end."""

    def install(self) -> None:
        """Stand before the server's own handler; must be called in the event loop that serves."""
        if threading.current_thread() is not threading.main_thread():
            # only a process of its own is told by signals
            return
        loop, end = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)
        if not callable(end):
            # no server waits for it: the process ends as any other
            return

        def on_term(number: int, frame: FrameType | None) -> None:
            if self.begun:
                end(number, frame)
                return
            self.begun = True
            # the loop may sleep until somebody calls: it must be woken to know the time
            loop.call_soon_threadsafe(loop.call_later, self.seconds, end, number, None)

        signal.signal(signal.SIGTERM, on_term)
