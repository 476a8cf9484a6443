"""What customers buy, folded to few figures: a truncated singular value decomposition of customer x category counts.

Deerwester, S. et al. (1990), Indexing by latent semantic analysis. JASIS 41(6), on the logarithms of counts, each
customer's scaled to length 1: how much somebody buys is in the features already.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import csr_array

from models import columns as col
from models.products import GROUPINGS, filled, known_names, positions_of
from models.purchases import Histories

LEVELS = (*GROUPINGS, col.PRODUCT_ID)
MAX_CATEGORIES = 5_000
MIN_BUYERS = 5

Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class Tastes:
    """A fitted embedding of purchase histories.

    Parameters
    ----------
    level : str
        Column of the product table whose values are counted.
    categories : tuple of str, length k
        The values that count.
    axes : float64 array, shape (k, d)
        What a unit of each category adds to each figure; d may be 0.
    """

    level: str
    categories: tuple[str, ...]
    axes: Vectors

    @property
    def size(self) -> int:
        """Number of figures, d."""
        return int(self.axes.shape[1])

    def of(self, histories: Histories | None, count: int) -> Vectors:
        """Embed ``count`` customers, shape (count, d); zeros for somebody of whom no purchase is known."""
        return self.embedded(self.counts(histories, count))

    def counts(self, histories: Histories | None, count: int) -> csr_array:
        """Count the purchases of ``count`` customers, shape (count, k): log(1 + purchases)."""
        if histories is None or not self.size:
            return csr_array((count, len(self.categories)))
        return log_counts(
            histories, positions_of(histories.products, self.level, self.categories), len(self.categories)
        )

    def embedded(self, counts: csr_array) -> Vectors:
        """Embed customers by what ``counts`` gave, shape (n, d)."""
        # sparse times dense adds up row by row: one row and many rows round alike
        embedded: Vectors = _unit_length(counts) @ self.axes
        return embedded


def no_tastes(level: str = col.PRODUCT_ID) -> Tastes:
    """Return the embedding of data without products: no figures."""
    return Tastes(level, (), np.zeros((0, 0)))


def fit_tastes(histories: Histories | None, level: str, *, dimensions: int, seed: int) -> Tastes:
    """Fit an embedding.

    Parameters
    ----------
    histories : Histories, optional
        Of n customers.
    level : str
        The wanted column of the product table; where it holds nothing, the next finer or coarser one that does.
    dimensions : int
        Figures a customer, d; fewer where there are fewer categories or customers.
    seed : int
        Of the decomposition's first vector.
    """
    if histories is None or not histories.products.num_rows:
        return no_tastes()
    level = usable_level(histories.products, level)
    names = known_names(histories.products, level)
    counts = log_counts(histories, positions_of(histories.products, level, names), len(names))
    buyers = np.bincount(counts.indices, minlength=len(names))
    kept = np.sort(np.argsort(-buyers, kind="stable")[:MAX_CATEGORIES])
    kept = kept[buyers[kept] >= MIN_BUYERS]
    counts = _unit_length(counts[:, kept])
    dimensions = min(dimensions, min(counts.shape) - 1)
    if dimensions < 1:
        return no_tastes(level)
    # only fitting needs it: what serves has no use for it
    from scipy.sparse.linalg import svds

    start = np.random.default_rng(seed).uniform(-1, 1, min(counts.shape))
    _, _, found = svds(counts, k=dimensions, v0=start)
    axes = found[::-1].T
    # a decomposition leaves the signs open
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(dimensions)])
    return Tastes(level, tuple(names[position] for position in kept), np.ascontiguousarray(axes))


def usable_level(products: pa.Table, wanted: str) -> str:
    """Return the wanted column where it holds anything, else the first of ``LEVELS`` that does."""
    return filled(products, (wanted, *LEVELS))[0]


def log_counts(histories: Histories, positions: NDArray[np.int64], categories: int) -> csr_array:
    """Count purchases by customer and category, before each customer's as_of.

    Returns
    -------
    csr_array of float64, shape (n, categories)
        log(1 + purchases), indices rising within a row.
    """
    rows, items, _ = histories.bought()
    which = positions[items]
    known = which >= 0
    shape = (len(histories), categories)
    counts = csr_array((np.ones(int(known.sum())), (rows[known], which[known])), shape=shape)
    counts.sum_duplicates()
    counts.data = np.log1p(counts.data)
    return counts


def _unit_length(counts: csr_array) -> csr_array:
    lengths = np.sqrt(counts.multiply(counts).sum(axis=1))
    scaled = counts.copy()
    scaled.data = counts.data / np.repeat(lengths, np.diff(counts.indptr))
    return scaled
