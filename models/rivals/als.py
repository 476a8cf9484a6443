"""ALS: items and customers as points of few dimensions, fitted to what was bought and what was not.

Hu, Y., Koren, Y. and Volinsky, C. (2008), Collaborative filtering for implicit feedback datasets. ICDM 8. A customer's
own point is found in each call from the history alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.next_best_product.arrays import array_parts, from_parts
from models.next_best_product.asking import NOT_SCORED, Asked
from models.next_best_product.learning import Learnt
from models.next_best_product.neighbours import Neighbours, Singles
from models.next_best_product.profiles import Floats, Profiles
from models.next_best_product.statistics import Statistics
from models.sampling import thinned

# validation chose among confidences of 0.3 to 40 and strengths of 1 to 100; 64 factors cost 15 times as much for little
FACTORS = 16
CONFIDENCE = 1.0
"""What each order with an item adds to the certainty of 1 that everything has."""
STRENGTH = 30.0
"""Of the L2 penalty."""
SWEEPS = 5
MAX_CUSTOMERS = 10_000
"""Customers that teach."""
BLOCK = 1_024
SPREAD = 0.1
"""Standard deviation of the factors that fitting begins with."""


@dataclass(frozen=True)
class ItemFactors:
    """Where items are.

    Parameters
    ----------
    factors : float32 array, shape (items, f)
        A point each.
    """

    factors: Singles

    @cached_property
    def gram(self) -> Floats:
        """What counts the same for everybody, shape (f, f)."""
        return _gram(self.factors.astype(np.float64))

    def point(self, items: NDArray[np.integer[Any]], counts: Floats) -> Floats:
        """Return where a customer is who bought items so often, shape (f,)."""
        bought = self.factors[items].astype(np.float64)
        extra = CONFIDENCE * counts
        found: Floats = np.linalg.solve(self.gram + (bought.T * extra) @ bought, bought.T @ (1 + extra))
        return found


@dataclass(frozen=True)
class FittedALS:
    """Fitted factors.

    Parameters
    ----------
    items : ItemFactors
        Of the items.
    """

    items: ItemFactors

    @property
    def choices(self) -> Mapping[str, Any]:
        """Nothing is chosen."""
        return {}

    def score(self, asked: Asked) -> Floats:
        """Return how much each item is preferred, shape (n, items); 0 and less is not scored."""
        counts = asked.profiles.matrix(asked.profiles.orders)
        if asked.baskets:
            counts = counts + asked.basket_matrix()
        found = np.zeros(counts.shape)
        # one by one: the product of many points differs in the last bit from that of one
        for row in np.flatnonzero(np.diff(counts.indptr)):
            span = slice(int(counts.indptr[row]), int(counts.indptr[row + 1]))
            point = self.items.point(counts.indices[span], counts.data[span])
            found[row] = self.items.factors @ point.astype(np.float32)
        return np.where(found > 0, found, NOT_SCORED)

    def parts(self) -> Mapping[str, bytes]:
        """Return the items' factors."""
        return array_parts("als", self.items)


@dataclass(frozen=True)
class ALS:
    """Factors by alternating least squares."""

    name: str = "als"

    def fit(self, learnt: Learnt, *, seed: int, choices: Mapping[str, Any] | None = None) -> FittedALS:
        """Fit as ``models.next_best_product.recommender.ItemMethod`` says."""
        return FittedALS(ItemFactors(factorised(learnt.now.profiles, seed=seed).astype(np.float32)))

    def load(self, parts: Mapping[str, bytes], statistics: Statistics, rules: Neighbours) -> FittedALS:
        """Return what ``parts`` hold."""
        return FittedALS(from_parts(ItemFactors, "als", parts))


def factorised(profiles: Profiles, *, seed: int) -> Floats:
    """Return the items' factors, shape (items, f); items that nobody bought lie at 0.

    Parameters
    ----------
    profiles : Profiles
        Of everybody; at most ``MAX_CUSTOMERS``, evenly spread, teach.
    seed : int
        Of the factors that fitting begins with.
    """
    bought = profiles.matrix(profiles.orders)[thinned(np.flatnonzero(profiles.known), MAX_CUSTOMERS)]
    buyers = bought.T.tocsr()
    items = np.random.default_rng(seed).normal(0, SPREAD, (profiles.items, FACTORS))
    for _ in range(SWEEPS):
        items = _solved(buyers, _solved(bought, items))
    return items


def _solved(counts: "sparse.csr_array", others: Floats) -> Floats:
    """Return the best point of each row beside the points of the columns, shape (rows, f)."""
    upper = np.triu_indices(others.shape[1])
    squares = others[:, upper[0]] * others[:, upper[1]]
    gram, found = _gram(others), np.zeros((counts.shape[0], others.shape[1]))
    for start in range(0, len(found), BLOCK):
        # sparse products and solutions one by one: the same bits with any number of threads
        part = counts[start : start + BLOCK]
        extra, ones = part * CONFIDENCE, part.copy()
        ones.data = 1 + extra.data
        known = np.zeros((part.shape[0], *gram.shape))
        known[:, upper[0], upper[1]] = extra @ squares
        known[:, upper[1], upper[0]] = known[:, upper[0], upper[1]]
        found[start : start + BLOCK] = np.linalg.solve(gram + known, (ones @ others)[:, :, None])[:, :, 0]
    return found


def _gram(points: Floats) -> Floats:
    """Return the sum of the points' squares and the penalty, shape (f, f); summed in one order."""
    gram: Floats = np.einsum("if,ig->fg", points, points) + STRENGTH * np.eye(points.shape[1])
    return gram
