"""Threads for large calls: so many at once, so many that wait, and nobody longer than the deadline."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from service.errors import DeadlineExceededError, OverloadedError

WORKERS = 4
"""Large calls at once; more would only wait for the same processors."""
WAITING = 32
"""Large calls that wait for one of them to end; who comes later is told at once to come again."""

BODY_BYTES = 24 * 2**20
"""Bodies that are parsed and not answered yet: order lines take thirty times their bytes of memory."""

STUCK_SECONDS = 60.0
"""After which a piece of work, which looks at its deadline between two steps, is taken for stuck."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Deadline:
    """When an answer is of no more use.

    Parameters
    ----------
    seconds : float
        How long the whole call may take.
    began : float
        Of the clock.
    clock : callable
        Seconds that never go back.
    """

    seconds: float
    began: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> "Deadline":
        """Return the deadline of a call that begins now."""
        return cls(seconds, clock(), clock)

    @property
    def left(self) -> float:
        """Seconds that are left, 0 where none are."""
        return max(0.0, self.began + self.seconds - self.clock())

    @property
    def spent(self) -> float:
        """Seconds since the call began."""
        return self.clock() - self.began

    def check(self) -> None:
        """Refuse to go on when it is over.

        Raises
        ------
        DeadlineExceededError
            It is.
        """
        if not self.left:
            raise DeadlineExceededError(
                f"the answer took longer than {self.seconds:g} s; ask for fewer customers at once, or without reasons"
            )


class Room:
    """Bounds the memory of large calls: a parsed body takes up to thirty times its bytes, until it is answered.

    For the event loop alone.

    Parameters
    ----------
    most : int
        Bytes of bodies at once; one that is larger is taken when it is alone.
    """

    def __init__(self, most: int = BODY_BYTES) -> None:
        self._most = most
        self._taken = 0

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Take room for a body while the block runs.

        Raises
        ------
        OverloadedError
            There is none left.
        """
        if self._taken and self._taken + size > self._most:
            raise OverloadedError("too many large bodies at once; come again in a second, or send smaller ones")
        self._taken += size
        try:
            yield
        finally:
            self._taken -= size


class Pool:
    """Does work off the event loop.

    Parameters
    ----------
    workers : int
        Threads.
    waiting : int
        Calls that may wait for one.
    clock : callable
        Seconds that never go back.
    """

    def __init__(
        self, workers: int = WORKERS, waiting: int = WAITING, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._workers = workers
        self._room = workers + waiting
        self._clock = clock
        self._taken = 0
        self._began: dict[int, float] = {}
        """When each thread that is at work began, by the thread."""
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="large-call")

    async def run(self, work: Callable[[], _Answer], deadline: Deadline) -> _Answer:
        """Return what some work returns.

        The work itself must look at the deadline between its steps: no thread can be stopped from outside. One that
        is stuck keeps its place, so that there are never more than ``workers`` of them.

        Raises
        ------
        OverloadedError
            As many calls as may be are at work or waiting.
        DeadlineExceededError
            It did not end in time.
        """
        if self._taken >= self._room:
            raise OverloadedError("too many large calls at once; come again in a second, or ask for fewer customers")
        self._taken += 1
        loop = asyncio.get_running_loop()
        future = self._threads.submit(self._timed, work)
        future.add_done_callback(lambda _: self._later(loop))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), deadline.left)
        except TimeoutError:
            deadline.check()
            raise

    @property
    def is_stuck(self) -> bool:
        """Whether no thread is left that could answer: all have been at one piece of work for a minute."""
        began = list(self._began.values())
        return len(began) == self._workers and max(began) < self._clock() - STUCK_SECONDS

    def _timed(self, work: Callable[[], _Answer]) -> _Answer:
        thread = threading.get_ident()
        self._began[thread] = self._clock()
        try:
            return work()
        finally:
            del self._began[thread]

    def close(self) -> None:
        """Take no more work."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _later(self, loop: asyncio.AbstractEventLoop) -> None:
        # a thread must not touch what the event loop counts
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._leave)

    def _leave(self) -> None:
        self._taken -= 1
