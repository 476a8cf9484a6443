"""TIFU-KNN: what the customer bought in which orders, drawn towards what the nearest customers did.

Hu, H. et al. (2020), Modeling personalized item frequency information for next-basket recommendation. SIGIR 43. The
neighbours are sought in a sample of the customers, so that a call costs the same however many there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.next_best_product.arrays import array_parts, from_parts
from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.learning import ACTIVE_DAYS, Learnt
from models.next_best_product.neighbourhood import Neighbourhood, highest, neighbourhood_of, single, squared
from models.next_best_product.neighbours import Neighbours, Singles
from models.next_best_product.profiles import Floats, Ints
from models.next_best_product.statistics import Statistics

# validation chose among settings of the paper
NEAREST = 300
OWN = 0.7
"""Weight of the customer's own frequency beside that of the neighbours."""


@dataclass(frozen=True)
class FittedTIFUKNN:
    """The sampled customers.

    Parameters
    ----------
    neighbourhood : Neighbourhood
        By the temporal frequency of each item.
    """

    neighbourhood: Neighbourhood

    @property
    def choices(self) -> Mapping[str, Any]:
        """Nothing is chosen."""
        return {}

    def score(self, asked: Asked) -> Floats:
        """Mix each item's own temporal frequency with the nearest customers' mean, shape (n, items)."""
        own = single(asked.profiles.matrix(asked.profiles.temporal))
        if asked.baskets:
            # what lies in the basket counts as what is always bought
            own = single(own.maximum(asked.basket_matrix()))
        near = zip(self.neighbourhood.products(own), squared(own), strict=True)
        found = self.neighbourhood.summed([self._nearest(*common, square) for common, square in near])
        mixed = np.float32(1 - OWN) * found + np.float32(OWN) * own.toarray()
        return np.where(mixed > 0, mixed.astype(np.float64), NOT_SCORED)

    def _nearest(self, others: Ints, product: Singles, square: np.float32) -> tuple[Ints, Singles]:
        """Return the nearest by Euclidean distance, and the weight of each in their mean."""
        # those with nothing in common lie as far away as they are long
        distance = square + self.neighbourhood.squares
        distance[others] -= 2 * product
        nearest = highest(-distance, NEAREST)
        return nearest, np.full(len(nearest), 1 / max(len(nearest), 1), np.float32)

    def parts(self) -> Mapping[str, bytes]:
        """Return the sampled customers."""
        return array_parts("neighbourhood", self.neighbourhood)


@dataclass(frozen=True)
class TIFUKNN:
    """The nearest of a sample of the customers by what they bought in which orders."""

    name: str = "tifu_knn"

    def fit(self, learnt: Learnt, *, seed: int, choices: Mapping[str, Any] | None = None) -> FittedTIFUKNN:
        """Fit as ``models.next_best_product.recommender.ItemMethod`` says."""
        known = learnt.now.profiles
        return FittedTIFUKNN(neighbourhood_of(known, known.temporal, within_days=ACTIVE_DAYS))

    def load(self, parts: Mapping[str, bytes], statistics: Statistics, rules: Neighbours) -> FittedTIFUKNN:
        """Return what ``parts`` hold."""
        return FittedTIFUKNN(from_parts(Neighbourhood, "neighbourhood", parts))
