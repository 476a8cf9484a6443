"""Champions of several predictions made side by side, each in a process of its own."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from typing import Any

from threadpoolctl import threadpool_limits

from models import prediction_named
from models.errors import ForesellError, NotEnoughMemoryError
from models.settings import Settings
from training.challenger import make_challenger, promote_challenger
from training.ingest import ensure_tables
from training.run import Trainer

AT_ONCE = 2
"""Processes: each holds a training frame."""


@dataclass(frozen=True)
class Made:
    """What became of one prediction.

    Parameters
    ----------
    prediction : str
        Its name.
    lines : tuple of dict
        What ``make_challenger`` and ``promote_challenger`` told, as far as they came.
    refused : ForesellError or None
        Why they came no further.
    """

    prediction: str
    lines: tuple[dict[str, Any], ...]
    refused: ForesellError | None = None


def champions(settings: Settings, names: Sequence[str], *, today: date) -> Iterator[Made]:
    """Train and promote predictions on the kept tables, and yield what became of each as soon as it is known.

    Parameters
    ----------
    settings : Settings
        The workspace's configuration.
    names : sequence of str
        The predictions; the first ones begin.
    today : date
        For intake, where the tables are not kept yet.

    Raises
    ------
    NotEnoughMemoryError
        A process was killed.
    """
    # a forked child would inherit locks of threads that it does not have
    with ProcessPoolExecutor(AT_ONCE, mp_context=get_context("spawn")) as pool:
        made = [pool.submit(_champion, settings, name, today) for name in names]
        try:
            for each in as_completed(made):
                yield each.result()
        except BrokenProcessPool:
            raise NotEnoughMemoryError(
                "a process that trained was killed, most likely for its memory: train one after the other with "
                "foresell train and foresell promote, or lower training.max_examples"
            ) from None
        finally:
            # whoever stops looking does not wait for those that have not begun
            pool.shutdown(wait=False, cancel_futures=True)


def _champion(settings: Settings, name: str, today: date) -> Made:
    prediction = prediction_named(name, settings.models)
    lines: list[dict[str, Any]] = []
    # the other processes have the other cores
    with threadpool_limits(1):
        try:
            trainer = Trainer(settings, prediction, ensure_tables(settings, today=today))
            lines.append(make_challenger(trainer))
            # what was read to train is not read again
            lines.append(promote_challenger(settings, prediction, lambda: trainer))
        except ForesellError as error:
            return Made(name, tuple(lines), error)
    return Made(name, tuple(lines))
