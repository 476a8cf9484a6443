"""The end of a service that never had a release to answer from, and was given one that it must not serve.

One that has answered keeps its last good release whatever is published. One that has nothing published yet waits: the
first release may come any day. But one whose only release is refused, again and again, is a broken deployment, which
whoever runs it must see as one: the process ends with exit code 1 and is started anew, or not, by them.
"""

import logging
import threading
import time
from collections.abc import Callable

from service.current import Current
from service.environment import seconds_of
from service.supervisor import end_service

START_ENV = "FORESELL_START_SECONDS"
SECONDS = 300.0
"""From the first refusal on: time for five tries."""
EVERY_SECONDS = 1.0

logger = logging.getLogger("bentoml.foresell")


class FirstStart:
    """Watches one worker until a release is open, and no longer.

    Parameters
    ----------
    current : Current
        What the worker answers from.
    watched : bool
        Whether a release that is published later would be noticed; without, as in a bento, what could not be opened
        at the start never will be.
    seconds : float, optional
        How long a refusal may last; default: what the environment says, or 300.
    clock : callable
        Seconds that never go back.
    give_up : callable
        Ends the service.
    """

    def __init__(
        self,
        current: Current,
        *,
        watched: bool,
        seconds: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        give_up: Callable[[], None] = end_service,
    ) -> None:
        self.current = current
        self.watched = watched
        self.seconds = seconds_of(START_ENV, SECONDS) if seconds is None else seconds
        self._clock = clock
        self._give_up = give_up
        self._since: float | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        """Watch in a thread, unless a release is open."""
        if not self.current.is_open:
            threading.Thread(target=self._watch, name="first-start", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._ended.set()

    def look(self) -> bool:
        """Look once, and end the service where a refusal lasted too long.

        Returns
        -------
        bool
            Whether it is over, one way or the other.
        """
        if self.current.is_open:
            return True
        if not self._is_refused:
            self._since = None
            return False
        now = self._clock()
        if self._since is None:
            self._since = now
        if now - self._since < self.seconds:
            return False
        why = self.current.refusal.message if self.current.refusal else "it could not be opened at the start"
        logger.error("no release could be opened within %g s, the service ends: %s", self.seconds, why)
        self._give_up()
        return True

    @property
    def _is_refused(self) -> bool:
        # nothing published is no fault, and the watch over releases will notice when something is
        return self.current.refusal is not None or not self.watched

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_SECONDS):
            if self.look():
                return
