"""Item-kNN: the items that the same people buy.

Sarwar, B. et al. (2001), Item-based collaborative filtering recommendation algorithms. WWW 10.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.next_best_product.arrays import array_parts, from_parts
from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.learning import Learnt
from models.next_best_product.neighbours import Neighbours
from models.next_best_product.profiles import Floats
from models.next_best_product.statistics import Statistics


@dataclass(frozen=True)
class FittedItemKNN:
    """Each item's nearest items.

    Parameters
    ----------
    similar : Neighbours
        By the cosine of their buyers.
    """

    similar: Neighbours

    @property
    def choices(self) -> Mapping[str, Any]:
        """Nothing is chosen."""
        return {}

    def score(self, asked: Asked) -> Floats:
        """Sum each item's cosines with those of its nearest that the customer bought, shape (n, items)."""
        bought = asked.profiles.matrix(np.ones(len(asked.profiles.item)))
        if asked.baskets:
            bought = bought + asked.basket_matrix()
        found: Floats = (bought @ self.similar.matrix().T.tocsr()).toarray()
        return np.where(found > 0, found, NOT_SCORED)

    def parts(self) -> Mapping[str, bytes]:
        """Return the nearest items."""
        return array_parts("similar", self.similar)


@dataclass(frozen=True)
class ItemKNN:
    """Cosines between the items' buyers, the nearest of each."""

    name: str = "item_knn"

    def fit(self, learnt: Learnt, *, seed: int, choices: Mapping[str, Any] | None = None) -> FittedItemKNN:
        """Fit as ``models.next_best_product.recommender.ItemMethod`` says."""
        return FittedItemKNN(learnt.now.similar)

    def load(self, parts: Mapping[str, bytes], statistics: Statistics, rules: Neighbours) -> FittedItemKNN:
        """Return what ``parts`` hold."""
        return FittedItemKNN(from_parts(Neighbours, "similar", parts))
