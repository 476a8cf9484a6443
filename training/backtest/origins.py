"""The days of a backtest: where each window begins, and which earlier windows choose there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import count

from models.errors import NotEnoughDataError
from models.prediction import Task
from models.settings import CutoffSettings
from training.cutoffs import Plan

MONTH_DAYS = 30


@dataclass(frozen=True)
class Origins:
    """Days a month apart, counted back from the newest test cutoff.

    Parameters
    ----------
    plan : Plan
        The cutoffs of a training on the whole history.
    tasks : tuple of Task
        Those that choose.
    months : int
        Windows of the shortest task at most.
    folds : int
        Earlier windows that choose at each of them, at most.
    """

    plan: Plan
    tasks: tuple[Task, ...]
    months: int
    folds: int

    @property
    def shown(self) -> tuple[date, ...]:
        """The days at which something is measured, newest first."""
        days = (self._day(back) for back in range(self.months))
        return tuple(day for day in days if any(self.measured(task, day) for task in self.tasks))

    @property
    def fitted(self) -> tuple[date, ...]:
        """The days at which methods are fitted, rising: those that are shown, and those that choose there."""
        chosen_by = {fold for day in self.shown for task in self.tasks for fold in self.chosen_by(task, day)}
        return tuple(sorted({*self.shown, *chosen_by}))

    def measured(self, task: Task, day: date) -> bool:
        """Say whether a task's window has closed, and one had closed before it to learn from."""
        horizon = timedelta(task.horizon)
        return day + horizon <= self.plan.end and self.plan.grid[0] + horizon <= day

    def horizon(self, day: date) -> int:
        """Return the longest horizon that a fit can learn at a day; 0 = none."""
        closed = (task.horizon for task in self.tasks if self.plan.grid[0] + timedelta(task.horizon) <= day)
        return max(closed, default=0)

    def chosen_by(self, task: Task, day: date) -> tuple[date, ...]:
        """Return the newest windows of a task that had closed at a day, newest first."""
        closed = (fold for fold in self._before(day) if fold + timedelta(task.horizon) <= day)
        return tuple(fold for fold in closed if self.measured(task, fold))[: self.folds]

    @property
    def not_shown(self) -> tuple[str, ...]:
        """The tasks without any window among the days that are shown, and what would show one, a sentence each."""
        hidden = (task for task in self.tasks if not any(self.measured(task, day) for day in self.shown))
        return tuple(self._hidden(task) for task in hidden)

    def laid(self) -> Plan:
        """Return the plan with every day at which a method is fitted or measured."""
        return replace(self.plan, validation={task.tag: self.fitted[::-1] for task in self.tasks})

    def _hidden(self, task: Task) -> str:
        at = next(back for back in count() if self._day(back) + timedelta(task.horizon) <= self.plan.end)
        step = (
            f"--months {at + 1} would show one"
            if self.measured(task, self._day(at))
            else "the history is too short for one"
        )
        return f"{task.tag} is left out: no window of {task.horizon} days has closed among those shown; {step}"

    def _day(self, back: int) -> date:
        return max(self.plan.test[task.tag] for task in self.tasks) - timedelta(MONTH_DAYS * back)

    def _before(self, day: date) -> Iterator[date]:
        while day > self.plan.grid[0]:
            day -= timedelta(MONTH_DAYS)
            yield day


def origins(plan: Plan, tasks: Sequence[Task], settings: CutoffSettings, *, months: int) -> Origins:
    """Lay out a backtest.

    Raises
    ------
    NotEnoughDataError
        No window has another one before it that chooses.
    """
    found = Origins(plan, tuple(task for task in tasks if task.chooses), months, settings.folds)
    if not any(found.chosen_by(task, day) for day in found.shown for task in found.tasks):
        shortest = min(task.horizon for task in found.tasks)
        apart = -(-shortest // MONTH_DAYS) * MONTH_DAYS
        needed = settings.min_history_days + settings.step_days + 2 * shortest + apart
        there = (plan.end - plan.grid[0]).days + settings.min_history_days
        raise NotEnoughDataError(
            f"no backtest of even one month: {there} days of data, a horizon of {shortest} days needs about "
            f"{needed}; shorten the horizon or lower cutoffs.min_history_days"
        )
    return found
