"""UP-CF: what customers with like orders buy lately, and what the customer does.

Faggioli, G., Polato, M. and Aiolli, F. (2020), Recency aware collaborative filtering for next basket recommendation.
UMAP 28. The neighbours are sought in a sample of the customers, so that a call costs the same however many there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.next_best_product.arrays import array_parts, from_parts
from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.learning import Learnt
from models.next_best_product.neighbourhood import Neighbourhood, recent_shares, single
from models.next_best_product.neighbours import Neighbours
from models.next_best_product.profiles import Floats
from models.next_best_product.statistics import Statistics

# validation chose: only the very nearest know what is bought again, many know what is new
REPEAT_LOCALITY = 10


@dataclass(frozen=True)
class FittedUPCF:
    """The sampled customers.

    Parameters
    ----------
    neighbourhood : Neighbourhood
        By the recent share of each item.
    """

    neighbourhood: Neighbourhood

    @property
    def choices(self) -> Mapping[str, Any]:
        """Nothing is chosen."""
        return {}

    def score(self, asked: Asked) -> Floats:
        """Sum the recent shares of the nearest by their cosine, and the customer's own; shape (n, items)."""
        own = recent_shares(asked.profiles)
        if asked.baskets:
            # what lies in the basket counts as what is always bought
            own = single(own.maximum(asked.basket_matrix()))
        if asked.mode == "new":
            found = self.neighbourhood.scores(own)
        else:
            found = self.neighbourhood.scores(own, locality=REPEAT_LOCALITY) + own.toarray()
        return np.where(found > 0, found.astype(np.float64), NOT_SCORED)

    def parts(self) -> Mapping[str, bytes]:
        """Return the sampled customers."""
        return array_parts("neighbourhood", self.neighbourhood)


@dataclass(frozen=True)
class UPCF:
    """The nearest of a sample of the customers."""

    name: str = "up_cf"

    def fit(self, learnt: Learnt, *, seed: int, choices: Mapping[str, Any] | None = None) -> FittedUPCF:
        """Fit as ``models.next_best_product.recommender.ItemMethod`` says."""
        return FittedUPCF(learnt.now.neighbourhood)

    def load(self, parts: Mapping[str, bytes], statistics: Statistics, rules: Neighbours) -> FittedUPCF:
        """Return what ``parts`` hold."""
        return FittedUPCF(from_parts(Neighbourhood, "neighbourhood", parts))
