"""Decayed frequency: what the customer bought often and lately, with what is popular in the score itself.

Anderson, A. et al. (2014), The dynamics of repeat consumption. WWW 23: people come back to what they had lately, and to
what is popular.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import orjson

from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.learning import Learnt
from models.next_best_product.neighbours import Neighbours
from models.next_best_product.profiles import HALF_LIVES_DAYS, Floats, Profiles
from models.next_best_product.statistics import Statistics
from models.next_best_product.trial import trial_of
from models.parts import canonical_json

HALF_LIVES = (150.0, None, 45.0)
"""Half-lives to choose from, in days; None = every order counts alike. The first serves where nothing can be tried."""
POPULARITY_ORDERS = (3.0, 1.0, 10.0)
"""Orders that an item is worth which everybody bought in the last 30 days, to choose from; the first as above."""


@dataclass(frozen=True)
class FittedDecayedFrequency:
    """What is popular, and how orders are weighed against it.

    Parameters
    ----------
    statistics : Statistics
        Of the items.
    half_life_days : float, optional
        Of an order, one of ``HALF_LIVES``.
    popularity_orders : float
        Orders that an item is worth which everybody bought in the last 30 days.
    """

    statistics: Statistics
    half_life_days: float | None = HALF_LIVES[0]
    popularity_orders: float = POPULARITY_ORDERS[0]

    @property
    def choices(self) -> Mapping[str, Any]:
        """The half-life and the weight of popularity."""
        return {"half_life_days": self.half_life_days, "popularity_orders": self.popularity_orders}

    def score(self, asked: Asked) -> Floats:
        """Return the decayed orders with each item and its popularity, shape (n, items)."""
        known = asked.profiles
        found = known.dense(self._decayed(known), 0.0) + self.popularity_orders * self.statistics.popularity
        return np.where(found > 0, found, NOT_SCORED)

    def _decayed(self, known: Profiles) -> Floats:
        if self.half_life_days is None:
            return known.orders
        column: Floats = known.decayed[:, HALF_LIVES_DAYS.index(self.half_life_days)]
        return column

    def parts(self) -> Mapping[str, bytes]:
        """Return what was chosen: popularity is counted for every method."""
        return {"settings.json": canonical_json(self.choices)}


@dataclass(frozen=True)
class DecayedFrequency:
    """Decayed counts and popularity."""

    name: str = "decayed_frequency"

    def fit(self, learnt: Learnt, *, seed: int, choices: Mapping[str, Any] | None = None) -> FittedDecayedFrequency:
        """Fit as ``models.next_best_product.recommender.ItemMethod`` says.

        Without ``choices`` the next baskets of the newest past cutoff choose.
        """
        chosen = (choices["half_life_days"], choices["popularity_orders"]) if choices else _chosen(learnt)
        return FittedDecayedFrequency(learnt.now.statistics, *chosen)

    def load(self, parts: Mapping[str, bytes], statistics: Statistics, rules: Neighbours) -> FittedDecayedFrequency:
        """Return what ``parts`` hold, with the popularity of the artifact."""
        return FittedDecayedFrequency(statistics, **orjson.loads(parts["settings.json"]))


def _chosen(learnt: Learnt) -> tuple[float | None, float]:
    settings, trial = list(product(HALF_LIVES, POPULARITY_ORDERS)), trial_of(learnt)
    if trial is None:
        return settings[0]
    return trial.best("any", {each: FittedDecayedFrequency(trial.statistics, *each) for each in settings})
