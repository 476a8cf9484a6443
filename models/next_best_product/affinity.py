"""EASE^R: a linear model of which items go with which in one customer's history.

Steck, H. (2019), Embarrassingly shallow autoencoders for sparse data. The Web Conference 2019. The constraint that no
item speaks for itself makes it find what is new; without it, it is ridge regression of a history on itself.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack

from models.next_best_product.profiles import Floats, Ints, Profiles

MAX_ITEMS = 1_500
"""The items with the most buyers take part: fitting costs the cube of their number."""
STRENGTH = 1_000.0


@dataclass(frozen=True)
class Affinity:
    """Fitted weights.

    Parameters
    ----------
    items : int64 array, shape (k,)
        The items that take part, rising.
    weights : float32 array, shape (k, k)
        From an item that was bought (row) to an item that goes with it; the diagonal is 0 under the constraint.
    """

    items: Ints
    weights: NDArray[np.float32]

    def scores(self, counts: "sparse.csr_array") -> NDArray[np.float32]:
        """Return how well each item goes with what counts for each customer; 0 where it takes no part.

        Parameters
        ----------
        counts : csr_array, shape (customers, items)
            E.g. 1 for what was bought.
        """
        found = np.zeros(counts.shape, np.float32)
        found[:, self.items] = counts.astype(np.float32)[:, self.items] @ self.weights
        return found


def affinity_of(
    profiles: Profiles,
    values: Floats,
    *,
    strength: float = STRENGTH,
    repeats: bool = False,
    most: int | None = None,
) -> Affinity:
    """Fit on everybody's profiles.

    Parameters
    ----------
    profiles : Profiles
        Of everybody.
    values : float64 array
        What each row of the profiles counts.
    strength : float
        Of the L2 penalty.
    repeats : bool
        Whether an item may speak for itself.
    most : int, optional
        Items that take part, those with the most buyers; default ``MAX_ITEMS``.
    """
    buyers = np.bincount(profiles.item, minlength=profiles.items)
    items = np.sort(np.argsort(-buyers, kind="stable")[: MAX_ITEMS if most is None else most])
    bought = profiles.matrix(values)[:, items]
    gram = (bought.T @ bought).toarray() + strength * np.eye(len(items))
    inverse = _inverse(gram)
    if repeats:
        weights = np.eye(len(items)) - strength * inverse
    else:
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0.0)
    return Affinity(items, weights.astype(np.float32))


def _inverse(gram: Floats) -> Floats:
    """Return the inverse of a positive definite matrix; many times faster than a general one's."""
    # only fitting needs it: it comes with scikit-learn, which what serves has no use for
    from threadpoolctl import threadpool_limits

    # sums that threads share round otherwise: the same data must give the same bytes, whatever the machine
    with threadpool_limits(1):
        factor, _ = lapack.dpotrf(gram)
        upper, _ = lapack.dpotri(factor)
    inverse: Floats = np.triu(upper) + np.triu(upper, 1).T
    return inverse
