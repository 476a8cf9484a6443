"""EASE^R as a method of its own.

Steck, H. (2019), Embarrassingly shallow autoencoders for sparse data. The Web Conference 2019. Where what was bought
before may be answered, items may speak for themselves: customers repeat more than the constrained model can say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.next_best_product.affinity import Affinity, affinity_of
from models.next_best_product.arrays import array_parts, from_parts
from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.learning import Learnt
from models.next_best_product.neighbours import Neighbours
from models.next_best_product.profiles import Floats
from models.next_best_product.statistics import Statistics

# validation chose among 100 to 10,000 on orders and 0.3 to 100 on shares of orders, with and without the constraint
REPEAT_STRENGTH = 1_000.0
REPEAT_ITEMS = 2_500
"""Items that take part: 4,000 found little more, for four times the seconds."""


@dataclass(frozen=True)
class FittedEASE:
    """Fitted weights.

    Parameters
    ----------
    orders : Affinity
        On a customer's orders with each item, which may speak for itself; for every mode but ``new``.
    bought : Affinity
        On whether a customer ever bought each item, which says nothing of itself; for ``new``.
    """

    orders: Affinity
    bought: Affinity

    @property
    def choices(self) -> Mapping[str, Any]:
        """Nothing is chosen."""
        return {}

    def score(self, asked: Asked) -> Floats:
        """Return how well each item goes with the customer's, shape (n, items)."""
        known = asked.profiles
        if asked.mode == "new":
            found = self.bought.scores(known.matrix(np.ones(len(known.item))))
        else:
            # a share of the orders for the number of them ranks alike
            shares = known.matrix(known.order_shares)
            # what lies in the basket counts as what is always bought
            found = self.orders.scores(shares.maximum(asked.basket_matrix()) if asked.baskets else shares)
        return np.where(found > 0, found.astype(np.float64), NOT_SCORED)

    def parts(self) -> Mapping[str, bytes]:
        """Return the weights."""
        return array_parts("orders", self.orders) | array_parts("bought", self.bought)


@dataclass(frozen=True)
class EASE:
    """Linear models from what a customer bought to what goes with it."""

    name: str = "ease"

    def fit(self, learnt: Learnt, *, seed: int, choices: Mapping[str, Any] | None = None) -> FittedEASE:
        """Fit as ``models.next_best_product.recommender.ItemMethod`` says."""
        known = learnt.now.profiles
        return FittedEASE(
            affinity_of(known, known.orders, strength=REPEAT_STRENGTH, repeats=True, most=REPEAT_ITEMS),
            learnt.now.affinity,
        )

    def load(self, parts: Mapping[str, bytes], statistics: Statistics, rules: Neighbours) -> FittedEASE:
        """Return what ``parts`` hold."""
        return FittedEASE(from_parts(Affinity, "orders", parts), from_parts(Affinity, "bought", parts))
