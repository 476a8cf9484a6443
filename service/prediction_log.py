"""The prediction log: what was asked and answered, as Parquet by hour, for those who watch models or join outcomes.

A call leaves what it said in a queue and goes on. One thread a worker makes rows and files of it. Whatever does not fit
the queue or the disk is dropped and counted: the log never makes a call slower, and never makes one fail.
"""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel

from service.environment import number_of
from service.guard import REQUEST_NAME
from service.hourly_files import HourlyFiles, hour_of
from service.prediction_rows import SCHEMA, Call, histories_sent, options, table_of

LOG_ENV = "FORESELL_PREDICTION_LOG"
"""Names the folder; no log is kept without it."""
MAX_MB_ENV = "FORESELL_PREDICTION_LOG_MAX_MB"
MAX_MB = 1_024

QUEUE_BYTES = 32 * 1024 * 1024
"""Of answers that wait to be written."""
CALL_BYTES = 512
"""What a call takes in the queue beside its answer's body."""
TABLE_BYTES = 1024 * 1024
"""Of answers that are made into rows at a time."""
REST_SECONDS = 0.001
"""Between two pieces of that work: without it, the interpreter would let calls wait 5 milliseconds for each turn."""
EVERY_SECONDS = 60.0
"""Between two files of a process; sooner when the queue is half full or the hour is over."""
LOOK_SECONDS = 1.0
COMPLAIN_SECONDS = 60.0
CLOSE_SECONDS = 5.0
"""For the last file."""

Told = Callable[[int, int], None]
"""Is told how many calls were written, and how many dropped."""

logger = logging.getLogger("bentoml.foresell")


class PredictionLog:
    """Takes answered calls in, on any thread that answers, and writes them on one of its own.

    Parameters
    ----------
    files : HourlyFiles
        Where to.
    told : callable, optional
        Is told of the calls that were written or dropped.
    clock : callable
        Seconds since 1970.
    queue_bytes : int
        Of calls that may wait.
    """

    def __init__(
        self,
        files: HourlyFiles,
        *,
        told: Told = lambda *_: None,
        clock: Callable[[], float] = time.time,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        self.files = files
        self._told = told
        self._clock = clock
        self._room = queue_bytes
        self._queue: deque[Call] = deque()
        # each counted on one side only, so that neither needs a lock: the event loop takes, the thread writes
        self._taken = self._left = 0
        self._flushed_at = clock()
        self._complained_at = float("-inf")
        self._wake = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._write, name="prediction-log", daemon=True)

    def take(self, prediction: str, request: BaseModel, content: bytes, seconds: float) -> None:
        """Take a call in; on the event loop.

        Parameters
        ----------
        prediction : str
            What was asked for.
        request : BaseModel
            What was asked.
        content : bytes
            The answer's body.
        seconds : float
            How long the answer took.
        """
        asked = options(request)
        size = len(content) + len(asked) + CALL_BYTES
        waiting = self._taken - self._left + size
        if waiting > self._room:
            self._told(0, 1)
            return
        self._taken += size
        name = REQUEST_NAME.get()
        self._queue.append(Call(self._clock(), name, prediction, asked, histories_sent(request), content, seconds))
        if waiting > self._room // 2:
            self._wake.set()

    def start(self) -> None:
        """Write until ``close``."""
        self._thread.start()

    def close(self) -> None:
        """Write what is left, for some seconds at most."""
        self._ended = True
        self._wake.set()
        self._thread.join(CLOSE_SECONDS)

    def flush(self) -> None:
        """Write what waits; on the log's own thread."""
        self._flushed_at = self._clock()
        waiting = [self._queue.popleft() for _ in range(len(self._queue))]
        for hour, calls in groupby(waiting, lambda call: hour_of(call.at)):
            self._put(hour, list(calls))

    def _write(self) -> None:
        while not self._ended:
            self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            if self._is_due():
                self.flush()
        # what came while the last files were written
        self.flush()

    def _is_due(self) -> bool:
        if not self._queue:
            return False
        now, oldest = self._clock(), self._queue[0].at
        # a clock that went back must not stop the log for as long
        is_time = not 0 <= now - self._flushed_at < EVERY_SECONDS
        return is_time or hour_of(oldest) != hour_of(now) or self._taken - self._left > self._room // 2

    def _put(self, hour: str, calls: list[Call]) -> None:
        try:
            tables = (table_of(part, rest=_rest) for part in _parts(calls))
            self.files.write(hour, tables, SCHEMA)
        except (OSError, pa.ArrowException) as error:
            self._told(0, len(calls))
            self._complain(error, len(calls))
        except Exception:
            self._told(0, len(calls))
            logger.exception("%d calls could not be logged", len(calls))
        else:
            self._told(len(calls), 0)
            self._sweep()
        finally:
            self._left += sum(map(_size, calls))

    def _sweep(self) -> None:
        try:
            self.files.sweep()
        except OSError as error:
            self._complain(error, 0)

    def _complain(self, error: Exception, dropped: int) -> None:
        """Log what went wrong, once a minute at most: a full disk stays full."""
        now = self._clock()
        if 0 <= now - self._complained_at < COMPLAIN_SECONDS:
            return
        self._complained_at = now
        logger.error(
            "the prediction log at %s cannot be written (%s): %d calls were dropped, answers go on; check the space on "
            "the disk and who may write there",
            self.files.folder,
            getattr(error, "strerror", None) or str(error).partition("\n")[0],
            dropped,
        )


def open_log(told: Told) -> PredictionLog | None:
    """Start the log that the environment names; None = none is kept."""
    folder = os.environ.get(LOG_ENV)
    if not folder:
        return None
    max_mb = number_of(MAX_MB_ENV, MAX_MB, least=1, unit="megabytes")
    log = PredictionLog(HourlyFiles(Path(folder).resolve(), max_bytes=int(max_mb * 1024 * 1024)), told=told)
    log.start()
    logger.info("predictions are logged in %s, %g MB at most", log.files.folder, max_mb)
    return log


def _parts(calls: Iterable[Call]) -> Iterator[list[Call]]:
    """Yield the calls some at a time, so that their rows need little memory."""
    part: list[Call] = []
    size = 0
    for call in calls:
        part.append(call)
        size += len(call.content)
        if size > TABLE_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def _rest() -> None:
    time.sleep(REST_SECONDS)


def _size(call: Call) -> int:
    return len(call.content) + len(call.asked) + CALL_BYTES
