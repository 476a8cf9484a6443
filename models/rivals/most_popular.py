"""Popularity: what most customers bought lately, the same for everybody.

Cremonesi, P., Koren, Y. and Turrin, R. (2010), Performance of recommender algorithms on top-n recommendation tasks.
RecSys 4.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from models.next_best_product.asking import NOT_SCORED, Asked, Mode
from models.next_best_product.learning import Learnt
from models.next_best_product.neighbours import Neighbours
from models.next_best_product.profiles import Floats
from models.next_best_product.statistics import POPULAR_WINDOW, WINDOWS_DAYS, Statistics
from models.next_best_product.trial import TRIED, trial_of
from models.parts import canonical_json

USUAL_DAYS = WINDOWS_DAYS[POPULAR_WINDOW]
"""The window that fills places everywhere."""
CHOICE_DAYS = (USUAL_DAYS, *(days for days in WINDOWS_DAYS if days != USUAL_DAYS))
"""Windows to choose from; the first serves where nothing can be tried."""


@dataclass(frozen=True)
class FittedMostPopular:
    """Popularity in a window.

    Parameters
    ----------
    statistics : Statistics
        Of the items.
    windows_days : mapping of str to int
        One of ``WINDOWS_DAYS`` for the modes ``any`` and ``new``; the others are scored as ``any``.
    """

    statistics: Statistics
    windows_days: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(TRIED, USUAL_DAYS))

    @property
    def choices(self) -> Mapping[str, Any]:
        """The window of each mode."""
        return {"windows_days": dict(self.windows_days)}

    def score(self, asked: Asked) -> Floats:
        """Return the share of buyers in the window, shape (n, items); nothing for the one that fills places anyway."""
        days = self.windows_days.get(asked.mode, self.windows_days["any"])
        shape = (len(asked), asked.profiles.items)
        if days == USUAL_DAYS:
            return np.full(shape, NOT_SCORED)
        shares = self.statistics.recent[WINDOWS_DAYS.index(days)]
        return np.broadcast_to(np.where(shares > 0, shares, NOT_SCORED), shape)

    def personal(self, mode: Mode) -> bool:
        """Say no: the shares are the same for everybody."""
        return False

    def parts(self) -> Mapping[str, bytes]:
        """Return what was chosen: popularity is counted for every method."""
        return {"settings.json": canonical_json(self.choices)}


@dataclass(frozen=True)
class MostPopular:
    """What most customers bought in the last 7, 30 or 90 days, whichever foretold more of the newest past cutoff."""

    name: str = "most_popular"

    def fit(self, learnt: Learnt, *, seed: int, choices: Mapping[str, Any] | None = None) -> FittedMostPopular:
        """Fit as ``models.next_best_product.recommender.ItemMethod`` says; ``choices`` has the windows."""
        return FittedMostPopular(learnt.now.statistics, choices["windows_days"] if choices else _chosen(learnt))

    def load(self, parts: Mapping[str, bytes], statistics: Statistics, rules: Neighbours) -> FittedMostPopular:
        """Return what ``parts`` hold, with the popularity of the artifact."""
        return FittedMostPopular(statistics, **orjson.loads(parts["settings.json"]))


def _chosen(learnt: Learnt) -> dict[str, int]:
    trial = trial_of(learnt)
    if trial is None:
        return dict.fromkeys(TRIED, USUAL_DAYS)
    windows = {days: FittedMostPopular(trial.statistics, dict.fromkeys(TRIED, days)) for days in CHOICE_DAYS}
    return {mode: trial.best(mode, windows) for mode in TRIED}
