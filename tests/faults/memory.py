"""What a process holds, and whether that grows."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import psutil


@dataclass(frozen=True)
class Footprint:
    """What a process holds at a moment.

    Parameters
    ----------
    memory : int
        Resident bytes.
    files : int
        Open files and connections.
    threads : int
        Threads.
    """

    memory: int
    files: int
    threads: int


@dataclass(frozen=True)
class Growth:
    """How a process grew over equal rounds of work.

    Parameters
    ----------
    memory : float
        Bytes a round: the slope of a straight line through all rounds.
    files, threads : int
        More at the end than at the beginning.
    """

    memory: float
    files: int
    threads: int

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.memory / 2**20:+.3f} MiB a round, {self.files:+d} files, {self.threads:+d} threads"


def footprint(process: psutil.Process) -> Footprint:
    """Return what a process holds now."""
    with process.oneshot():
        return Footprint(process.memory_info().rss, process.num_fds(), process.num_threads())


def growth(rounds: Sequence[Footprint]) -> Growth:
    """Fit a line through what a process held after each round."""
    slope = np.polyfit(np.arange(len(rounds)), [each.memory for each in rounds], 1)[0]
    first, last = rounds[0], rounds[-1]
    return Growth(float(slope), last.files - first.files, last.threads - first.threads)


@contextmanager
def highest_memory(process: psutil.Process) -> Iterator[Callable[[], int]]:
    """Watch a process while the block runs; what is yielded tells the most bytes that it held."""
    seen = [process.memory_info().rss]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.002):
            seen.append(process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lambda: max(seen)
    finally:
        ended.set()
        watcher.join()
