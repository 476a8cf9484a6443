"""Decayed frequency: what the customer bought often and lately, with what is popular in the score itself.

Anderson, A. et al. (2014), The dynamics of repeat consumption. WWW 23: people come back to what they had lately, and to
what is popular.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.learning import Learnt
from models.next_best_product.neighbours import Neighbours
from models.next_best_product.profiles import HALF_LIVES_DAYS, Floats
from models.next_best_product.statistics import Statistics

# validation chose among half-lives of 14, 45 and 150 days, and 0.1 to 6 orders
HALF_LIFE = HALF_LIVES_DAYS.index(150.0)
POPULARITY_ORDERS = 3.0
"""Orders that an item is worth which everybody bought in the last 30 days."""


@dataclass(frozen=True)
class FittedDecayedFrequency:
    """What is popular.

    Parameters
    ----------
    statistics : Statistics
        Of the items.
    """

    statistics: Statistics

    @property
    def choices(self) -> Mapping[str, Any]:
        """Nothing is chosen."""
        return {}

    def score(self, asked: Asked) -> Floats:
        """Return the decayed orders with each item and its popularity, shape (n, items)."""
        known = asked.profiles
        found = known.dense(known.decayed[:, HALF_LIFE], 0.0) + POPULARITY_ORDERS * self.statistics.popularity
        return np.where(found > 0, found, NOT_SCORED)

    def parts(self) -> Mapping[str, bytes]:
        """There is nothing to keep: popularity is counted for every method."""
        return {}


@dataclass(frozen=True)
class DecayedFrequency:
    """Decayed counts and popularity."""

    name: str = "decayed_frequency"

    def fit(self, learnt: Learnt, *, seed: int, choices: Mapping[str, Any] | None = None) -> FittedDecayedFrequency:
        """Fit as ``models.next_best_product.recommender.ItemMethod`` says."""
        return FittedDecayedFrequency(learnt.now.statistics)

    def load(self, parts: Mapping[str, bytes], statistics: Statistics, rules: Neighbours) -> FittedDecayedFrequency:
        """Return the method with the popularity of the artifact."""
        return FittedDecayedFrequency(statistics)
