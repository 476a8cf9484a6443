"""Which items go together: those that the same people buy, and those that lie in the same orders.

Indexed by item: an answer costs the same whether ten thousand or ten million customers taught it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.next_best_product.profiles import Events, Ints, Profiles, csr

Singles = NDArray[np.float32]

NEIGHBOURS = 100
MAX_OWN = 100
BLOCK = 256
RULES = 50
MIN_TOGETHER = 5
"""Buyers, or orders, that two items must have in common before they are related."""


@dataclass(frozen=True)
class Neighbours:
    """Each item's most related items as a sparse matrix.

    Parameters
    ----------
    indptr, indices : int64 arrays
        Items of each row, rising.
    values : float32 array
        How strongly they are related.
    """

    indptr: Ints
    indices: Ints
    values: Singles

    def matrix(self) -> "sparse.csr_array":
        """Return the sparse matrix, shape (items, items)."""
        items = len(self.indptr) - 1
        return csr(self.values, self.indices, self.indptr, (items, items))

    def of(self, item: int) -> tuple[Ints, Singles]:
        """Return one item's related items and how strongly."""
        span = slice(int(self.indptr[item]), int(self.indptr[item + 1]))
        return self.indices[span], self.values[span]


def similar_items(profiles: Profiles) -> Neighbours:
    """Return each item's nearest items by the cosine of their buyers.

    Of each customer the items that were bought most and lately count, up to ``MAX_OWN``: the cost is its square.

    Notes
    -----
    Sarwar, B. et al. (2001), Item-based collaborative filtering recommendation algorithms. WWW 10.
    """
    order = np.lexsort((profiles.item, -profiles.decayed[:, -1], profiles.row))
    starts = np.r_[0, profiles.ends][profiles.row]
    kept = np.sort(order[np.arange(len(order)) - starts < MAX_OWN])
    indptr = np.searchsorted(profiles.row[kept], np.arange(profiles.customers + 1))
    shape = (profiles.customers, profiles.items)
    return _nearest(csr(np.ones(len(kept), np.float32), profiles.item[kept], indptr, shape), NEIGHBOURS)


def together(events: Events) -> Neighbours:
    """Count the orders that hold both items, for the pairs with the highest cosine.

    Returns
    -------
    Neighbours
        ``values`` are numbers of orders, at least ``MIN_TOGETHER``.
    """
    starts = events.order_starts
    order = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(events.row)]))
    indptr = np.searchsorted(order, np.arange(len(starts) + 1))
    baskets = csr(np.ones(len(events.item), np.float32), events.item, indptr, (len(starts), events.items))
    return _nearest(baskets, RULES, counts=True)


def _nearest(bought: "sparse.csr_array", kept: int, *, counts: bool = False) -> Neighbours:
    """Return the ``kept`` items of the highest cosine for each item, a block of items at a time."""
    sizes = np.asarray(bought.sum(axis=0), np.float32).ravel()
    norms = np.sqrt(np.maximum(sizes, np.float32(1)))
    buyers = bought.T.tocsr()
    found = [_nearest_of(buyers, bought, norms, start, kept) for start in range(0, len(norms), BLOCK)]
    nothing = np.empty(0, np.int64)
    rows = np.concatenate([nothing, *(each[0] for each in found)])
    columns = np.concatenate([nothing, *(each[1] for each in found)])
    both = np.concatenate([np.empty(0, np.float32), *(each[2] for each in found)])
    indptr = np.searchsorted(rows, np.arange(len(norms) + 1)).astype(np.int64)
    values = both if counts else both / (norms[rows] * norms[columns])
    return Neighbours(indptr, columns, values.astype(np.float32))


def _nearest_of(
    buyers: "sparse.csr_array", bought: "sparse.csr_array", norms: Singles, start: int, kept: int
) -> tuple[Ints, Ints, Singles]:
    common = (buyers[start : start + BLOCK] @ bought).tocoo()
    rows, columns, both = common.row + start, common.col, common.data
    fits = (both >= MIN_TOGETHER) & (rows != columns)
    rows, columns, both = rows[fits], columns[fits], both[fits]
    order = np.lexsort((columns, -both / (norms[rows] * norms[columns]), rows))
    rank = np.arange(len(order)) - np.searchsorted(rows[order], rows[order])
    order = order[rank < kept]
    order = order[np.lexsort((columns[order], rows[order]))]
    return rows[order].astype(np.int64), columns[order].astype(np.int64), both[order]
