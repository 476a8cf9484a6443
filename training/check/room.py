"""How long a horizon the history has room for, and which settings would make more."""

from bisect import bisect_left
from dataclasses import dataclass
from datetime import date

from models.errors import NotEnoughDataError
from models.prediction import Task
from models.settings import CutoffSettings
from training.cutoffs import MIN_GAP_DAYS, plan

LONGEST_DAYS = 730
# fewer days before the first cutoff leave features next to nothing to count
FEWEST_HISTORY_DAYS = 14


@dataclass(frozen=True)
class Room:
    """The part of a history in which cutoffs can lie.

    Parameters
    ----------
    cutoffs : CutoffSettings
        As configured.
    first : date
        First day of the data.
    end : date
        Midnight after the last complete day.
    """

    cutoffs: CutoffSettings
    first: date
    end: date

    @property
    def days(self) -> int:
        """Length of the history."""
        return max((self.end - self.first).days, 0)

    def holds(self, horizon: int, **other: int | None) -> bool:
        """Tell whether a training, a validation and a test window fit in, with some cutoff settings changed."""
        task = Task(f"h{horizon}", horizon)
        try:
            plan(self.cutoffs.model_copy(update=other), (task,), first_day=self.first, end=self.end)
        except NotEnoughDataError:
            return False
        return True

    def longest_horizon(self, **other: int | None) -> int:
        """Return the longest horizon in days that fits in; 0 = none."""
        return bisect_left(range(1, LONGEST_DAYS + 1), 1, key=lambda days: not self.holds(days, **other))

    def most_history(self, horizon: int, **other: int | None) -> int:
        """Return the largest ``min_history_days`` up to the configured one with which the horizon fits; 0 = none."""
        most = self.cutoffs.min_history_days
        lengths = range(1, most + 1)
        return bisect_left(lengths, 1, key=lambda days: not self.holds(horizon, min_history_days=days, **other))

    def needed_days(self, horizon: int) -> int:
        """Return the length of the shortest history that the horizon fits into."""
        settings = self.cutoffs
        return settings.min_history_days + settings.step_days + 2 * horizon + max(horizon, MIN_GAP_DAYS)
