"""Popularity: what most customers bought in the last 30 days, the same for everybody.

Cremonesi, P., Koren, Y. and Turrin, R. (2010), Performance of recommender algorithms on top-n recommendation tasks.
RecSys 4.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.learning import Learnt
from models.next_best_product.neighbours import Neighbours
from models.next_best_product.profiles import Floats
from models.next_best_product.statistics import Statistics


@dataclass(frozen=True)
class MostPopular:
    """Scores nothing personally: every place is filled with what is popular."""

    name: str = "most_popular"

    @property
    def choices(self) -> Mapping[str, Any]:
        """Nothing is chosen."""
        return {}

    def fit(self, learnt: Learnt, *, seed: int, choices: Mapping[str, Any] | None = None) -> "MostPopular":
        """Popularity is counted for every method."""
        return self

    def load(self, parts: Mapping[str, bytes], statistics: Statistics, rules: Neighbours) -> "MostPopular":
        """There is nothing to load."""
        return self

    def score(self, asked: Asked) -> Floats:
        """Score nothing, shape (n, items)."""
        return np.full((len(asked), asked.profiles.items), NOT_SCORED)

    def parts(self) -> Mapping[str, bytes]:
        """There is nothing to keep."""
        return {}
