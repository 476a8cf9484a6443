"""What customers buy, category by category, and which categories tell seeds apart.

A taste folds many categories into few figures; a like is one category by itself. Fifty seeds cannot bear a weight for
each of hundreds of categories, so only those few take part that set the seeds apart beyond what the features explain.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models.lookalike.logistic import solved

MAX_LIKES = 256
STEPS = 16.0
"""Levels of liking for each unit of log(1 + purchases): a level is kept in a byte, to 8 million purchases."""
THRESHOLD, MOST_TELLING, LIKE_WEIGHT = 3.0, 3, 6.0
"""Chosen on queries of earlier months and on other categories than the published ones."""
_RIDGE = 0.01

Levels = NDArray[np.uint8]
Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Likes:
    """The categories that may tell seeds apart.

    Parameters
    ----------
    columns : int64 array, shape (k,)
        Their positions among the categories of the tastes, rising.
    means, scales : float64 arrays, shape (k,)
        The standardisation of their levels.
    """

    columns: NDArray[np.int64]
    means: Vector
    scales: Vector

    def __len__(self) -> int:
        return len(self.columns)

    def of(self, counts: csr_array) -> Levels:
        """Return customers' levels of liking, shape (n, k), from log(1 + purchases), shape (n, categories)."""
        return _levels(counts[:, self.columns])

    def purchases(self, levels: Any) -> Any:
        """Return how many purchases levels of liking stand for."""
        return np.expm1(levels / STEPS)

    def standardised(self, levels: Levels, picked: NDArray[np.int64], dtype: Any = np.float64) -> NDArray[Any]:
        """Return the picked likes, a mean of 0 and a deviation of 1 among everybody, shape (n, len(picked))."""
        found: NDArray[Any] = (levels[:, picked] - self.means[picked].astype(dtype)) / self.scales[picked].astype(dtype)
        return found


def fit_likes(counts: csr_array) -> Likes:
    """Keep the ``MAX_LIKES`` categories that most customers bought.

    Parameters
    ----------
    counts : csr_array, shape (n, categories)
        log(1 + purchases).
    """
    buyers = np.bincount(counts.indices, minlength=counts.shape[1])
    columns = np.sort(np.argsort(-buyers, kind="stable")[:MAX_LIKES])
    levels = _levels(counts[:, columns])
    means, spread = levels.mean(axis=0, dtype=np.float64), levels.std(axis=0, dtype=np.float64)
    # what everybody or nobody buys tells nobody apart
    varies = spread > 0
    return Likes(columns[varies].astype(np.int64), means[varies], spread[varies])


def no_likes() -> Likes:
    """Return the likes of data without products."""
    return Likes(np.empty(0, np.int64), np.empty(0), np.empty(0))


def telling(likes: Vector, features: Vector, is_seed: Vector) -> tuple[NDArray[np.int64], Vector]:
    """Return the likes that set seeds apart beyond what the features explain, and what each is to weigh.

    Parameters
    ----------
    likes : float64 array, shape (n, k)
        Of the seeds and the background.
    features : float64 array, shape (n, f)
        Standardised.
    is_seed : float64 array, shape (n,)
        1 for a seed, 0 for the background.

    Returns
    -------
    tuple of int64 array and float64 array, each of shape (m,)
        At most ``MOST_TELLING`` likes that seeds have more of, whose score statistic is above ``THRESHOLD``; the
        weight grows with it.

    Notes
    -----
    The statistic is the score test of one more column in a linear regression of the seeds on the features, with the
    variance of White, H. (1980), A heteroskedasticity-consistent covariance matrix estimator. Econometrica 48(4).
    """
    if not likes.shape[1]:
        return np.empty(0, np.int64), np.empty(0)
    known = features - features.mean(axis=0)
    gram = known.T @ known
    gram[np.diag_indices_from(gram)] += _RIDGE * max(float(np.trace(gram)) / len(gram), 1e-9)
    wanted = np.column_stack([likes, is_seed])
    wanted = wanted - wanted.mean(axis=0)
    left = wanted - known @ solved(gram, known.T @ wanted)
    columns, seeds = left[:, :-1], left[:, -1]
    spread = np.sqrt((seeds * seeds) @ (columns * columns))
    statistic = np.divide(seeds @ columns, spread, out=np.zeros(len(spread)), where=spread > 1e-9)
    first = np.argsort(-statistic, kind="stable")[:MOST_TELLING]
    first = first[statistic[first] > THRESHOLD]
    return first, LIKE_WEIGHT * np.sqrt(1 - np.square(THRESHOLD / statistic[first]))


def _levels(counts: csr_array) -> Levels:
    # before they are spread out: nothing bought is level 0
    levels = np.minimum(np.rint(counts.data * STEPS), 255).astype(np.uint8)
    found: Levels = csr_array((levels, counts.indices, counts.indptr), shape=counts.shape).toarray()
    return found
