"""Customers whose orders resemble those asked about: a sample of everybody, searched in every call.

Faggioli, G., Polato, M. and Aiolli, F. (2020), Recency aware collaborative filtering for next basket recommendation.
UMAP 28. Of its asymmetric cosines validation found none better than the symmetric one, and nobody beyond the nearest to
matter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.next_best_product.neighbours import Singles
from models.next_best_product.profiles import Floats, Ints, Profiles, csr
from models.sampling import thinned

SAMPLE = 5_000
"""Customers that are searched: where there were 28,000, four times as many found no more, at four times the cost."""
NEAREST = 200
"""Neighbours of each customer."""
TWIN = 1 - 1e-5
"""A cosine from which a neighbour is the customer, or might as well be."""


@dataclass(frozen=True)
class Neighbourhood:
    """Rows of sampled customers: what each counts for each item.

    Parameters
    ----------
    indptr : int64 array, shape (customers + 1,)
        Where each one's values begin.
    indices : int64 array
        Items of each one, rising.
    values : float32 array
        Beside the items, above 0.
    items : int64 array, shape ()
        How many there are.
    """

    indptr: Ints
    indices: Ints
    values: Singles
    items: Ints

    def __len__(self) -> int:
        return len(self.indptr) - 1

    @cached_property
    def rows(self) -> "sparse.csr_array":
        """The sample as a sparse matrix, shape (customers, items)."""
        return csr(self.values, self.indices, self.indptr, (len(self), int(self.items)))

    @cached_property
    def _by_item(self) -> "sparse.csr_array":
        return self.rows.T.tocsr()

    @cached_property
    def squares(self) -> Singles:
        """Squared length of each one's values, shape (customers,)."""
        return squared(self.rows)

    def products(self, asked: "sparse.csr_array") -> Iterator[tuple[Ints, Singles]]:
        """Yield for each asked customer who has an item in common, and the product of their values.

        Each row is summed by itself in the order of its items: alone as among many.
        """
        common = asked @ self._by_item
        for row in range(len(common.indptr) - 1):
            span = slice(int(common.indptr[row]), int(common.indptr[row + 1]))
            yield common.indices[span], common.data[span]

    def scores(self, asked: "sparse.csr_array", *, nearest: int = NEAREST, locality: int = 1) -> NDArray[np.float32]:
        """Sum what the nearest count for each item, each times its cosine, shape (n, items).

        Nobody is a neighbour of their own: who counts the same for the same items is left out.

        Parameters
        ----------
        asked : csr_array of float32, shape (n, items)
            What each item counts for n customers, as in ``rows``.
        nearest : int
            Neighbours of each.
        locality : int
            Exponent (1..) of the cosine: the higher, the less the others count beside the very nearest.
        """
        found = []
        for (others, product), square in zip(self.products(asked), squared(asked), strict=True):
            cosine = product / np.sqrt(square * self.squares[others])
            apart = cosine < TWIN
            others, cosine = others[apart], cosine[apart]
            most = highest(cosine, nearest)
            # multiplied out: the last bit of a power depends on the processor
            found.append((others[most], np.prod(np.broadcast_to(cosine[most], (locality, len(most))), axis=0)))
        return self.summed(found)

    def summed(self, found: "list[tuple[Ints, Singles]]") -> NDArray[np.float32]:
        """Add up the rows of some customers, each times its weight, for each of n lists; shape (n, items)."""
        sizes = np.array([len(each) for each, _ in found], np.int64)
        others = np.concatenate([np.empty(0, np.int64), *(each for each, _ in found)])
        weights = np.concatenate([np.empty(0, np.float32), *(each for _, each in found)])
        picked = csr(weights, others, np.r_[0, np.cumsum(sizes)], (len(found), len(self)))
        total: NDArray[np.float32] = (picked @ self.rows).toarray()
        return total


def neighbourhood_of(profiles: Profiles, values: Floats, *, within_days: float) -> Neighbourhood:
    """Sample customers who ordered lately, evenly over everybody.

    Parameters
    ----------
    profiles : Profiles
        Of everybody.
    values : float64 array
        What each row of the profiles counts.
    within_days : float
        Who did not order in so many days is no neighbour.
    """
    with np.errstate(invalid="ignore"):
        active = np.flatnonzero(profiles.recency_days <= within_days)
    picked = single(profiles.matrix(values)[thinned(active, SAMPLE)])
    return Neighbourhood(
        picked.indptr.astype(np.int64), picked.indices.astype(np.int64), picked.data, np.array(profiles.items)
    )


def recent_shares(profiles: Profiles) -> "sparse.csr_array":
    """Return what customers are compared by: the recent share of each item, float32 of shape (customers, items)."""
    return single(profiles.matrix(profiles.recent))


def single(values: "sparse.csr_array") -> "sparse.csr_array":
    """Return values as float32 without those that are 0."""
    kept = values.astype(np.float32)
    kept.eliminate_zeros()
    return kept


def squared(values: "sparse.csr_array") -> Singles:
    """Return the squared length of each row, shape (n,)."""
    square = values.data * values.data
    lengths = np.zeros(values.shape[0], np.float32)
    some = np.flatnonzero(np.diff(values.indptr))
    if len(some):
        lengths[some] = np.add.reduceat(square, values.indptr[some])
    return lengths


def highest(values: Singles, count: int) -> Ints:
    """Return where the highest ``count`` (1..) values are, rising; of equal ones at the edge the first.

    Fewer where there are no more. Which of equal values ``np.argpartition`` picks depends on the processor; the value
    at the edge does not.
    """
    if len(values) <= count:
        return np.arange(len(values))
    # negated: selecting near the end of mostly equal values is many times slower
    edge = -np.partition(-values, count - 1)[count - 1]
    found = values > edge
    found[np.flatnonzero(values == edge)[: count - np.count_nonzero(found)]] = True
    return np.flatnonzero(found)
