"""EASE^R as a method of its own.

Steck, H. (2019), Embarrassingly shallow autoencoders for sparse data. The Web Conference 2019.
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

# validation chose: a weak penalty repeats what was bought, a strong one finds what is new
REPEAT_STRENGTH = 0.3


@dataclass(frozen=True)
class FittedEASE:
    """Fitted weights.

    Parameters
    ----------
    shares : Affinity
        On the shares of a customer's orders with each item; for every mode but ``new``.
    bought : Affinity
        On whether a customer ever bought each item; for ``new``.
    """

    shares: Affinity
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
            shares = known.matrix(known.order_shares)
            # what lies in the basket counts as what is always bought
            found = self.shares.scores(shares.maximum(asked.basket_matrix()) if asked.baskets else shares)
        return np.where(found > 0, found, NOT_SCORED)

    def parts(self) -> Mapping[str, bytes]:
        """Return the weights."""
        return array_parts("shares", self.shares) | array_parts("bought", self.bought)


@dataclass(frozen=True)
class EASE:
    """Linear models from what a customer bought to what goes with it."""

    name: str = "ease"

    def fit(self, learnt: Learnt, *, seed: int, choices: Mapping[str, Any] | None = None) -> FittedEASE:
        """Fit as ``models.next_best_product.recommender.ItemMethod`` says."""
        known = learnt.now.profiles
        return FittedEASE(
            affinity_of(known, known.order_shares, strength=REPEAT_STRENGTH),
            learnt.now.affinity,
        )

    def load(self, parts: Mapping[str, bytes], statistics: Statistics, rules: Neighbours) -> FittedEASE:
        """Return what ``parts`` hold."""
        return FittedEASE(from_parts(Affinity, "shares", parts), from_parts(Affinity, "bought", parts))
