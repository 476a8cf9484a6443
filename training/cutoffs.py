"""Cutoffs: which local midnights train, which choose, and which report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from models.errors import NotEnoughDataError
from models.prediction import Examples, Task
from models.settings import CutoffSettings

# a validation window begins at least this long before the test window, so that one odd week does not choose
MIN_GAP_DAYS = 14
LONG_DAYS = 28


@dataclass(frozen=True)
class Plan:
    """The cutoffs of one prediction on one history.

    Parameters
    ----------
    end : date
        Midnight after the last complete day; no window reaches past it.
    grid : tuple of date
        Every training cutoff, rising.
    test : mapping of str to date
        The test cutoff of each task, by tag.
    validation : mapping of str to tuple of date
        The validation cutoffs of each task, newest first: their windows end before any task's test window begins. A
        model that is measured there has learnt from windows that end at or before that cutoff.
    max_training : int
        Training cutoffs in one fit, counted back from the newest whose window has closed.
    """

    end: date
    grid: tuple[date, ...]
    test: Mapping[str, date]
    validation: Mapping[str, tuple[date, ...]]
    max_training: int

    @property
    def cutoffs(self) -> list[date]:
        """Every cutoff that features are needed at, rising."""
        validation = {day for days in self.validation.values() for day in days}
        return sorted({*self.grid, *self.test.values(), *validation, self.end})

    def training(self, limit: date, horizon: int) -> list[date]:
        """Return the cutoffs of a fit at ``limit``: those it learns from, and the limit itself, without labels yet."""
        closed = [day for day in self.grid if day + timedelta(horizon) <= limit]
        oldest = closed[-self.max_training :][:1]
        return [*(day for day in self.grid if oldest and oldest[0] <= day < limit), limit]

    def examples(self, examples: Examples, limit: date, horizon: int) -> Examples:
        """Return the examples of a fit at ``limit``."""
        return examples.at(self.training(limit, horizon)).known_by(limit)


def plan(settings: CutoffSettings, tasks: Sequence[Task], *, first_day: date, end: date) -> Plan:
    """Lay out the cutoffs.

    Parameters
    ----------
    settings : CutoffSettings
        What the configuration says.
    tasks : sequence of Task
        What the prediction is measured by.
    first_day : date
        First day of the data.
    end : date
        Midnight after the last complete day of the data.

    Raises
    ------
    NotEnoughDataError
        A task has no room for a training, a validation and a test window; says what there is and what is needed.
    """
    newest = min(settings.newest_test or end, end)
    earliest = first_day + timedelta(settings.min_history_days)
    test = {task.tag: min(newest, end - timedelta(task.horizon)) for task in tasks}
    # one method is chosen for all tasks: no window that chooses may reach into any of them that reports
    choosing_ends = min(test.values())
    validation = {task.tag: _validation(settings, task, choosing_ends, earliest) for task in tasks}
    # the longest first: it is what leaves no room for the others
    for task in sorted(tasks, key=lambda task: -task.horizon):
        if not validation[task.tag]:
            _refuse(settings, task, first_day=first_day, end=end)
    return Plan(end, _grid(newest, earliest, end, settings.step_days), test, validation, settings.max_training)


def _grid(newest: date, earliest: date, end: date, step_days: int) -> tuple[date, ...]:
    before = range(0, (newest - earliest).days + 1, step_days)
    after = range(step_days, (end - newest).days + 1, step_days)
    days = [*(newest - timedelta(days) for days in before), *(newest + timedelta(days) for days in after)]
    return tuple(sorted(days))


def _windows(folds: int, horizon: int) -> int:
    """Return how many windows of a horizon choose: short ones, which an odd week can turn, are more."""
    return folds * max(1, LONG_DAYS // max(horizon, MIN_GAP_DAYS))


def _validation(settings: CutoffSettings, task: Task, end: date, earliest: date) -> tuple[date, ...]:
    gap = timedelta(max(task.horizon, MIN_GAP_DAYS))
    folds = [end - gap * (fold + 1) for fold in range(_windows(settings.folds, task.horizon))]
    # at least one training window must close before it
    return tuple(day for day in folds if day - timedelta(task.horizon + settings.step_days) >= earliest)


def _refuse(settings: CutoffSettings, task: Task, *, first_day: date, end: date) -> None:
    needed = settings.min_history_days + settings.step_days + 2 * task.horizon + max(task.horizon, MIN_GAP_DAYS)
    raise NotEnoughDataError(
        f"{(end - first_day).days} days of data ({first_day} to {end}), a horizon of {task.horizon} days needs "
        f"{needed}: shorten the horizon or lower cutoffs.min_history_days"
    )
