"""Candidates for customers and what the ranker sees of each: one row a (customer, item).

A row is made of the customer's own profile and of what is known of the item, so that one customer gets the same
figures alone and among many.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.next_best_product.affinity import Affinity
from models.next_best_product.asking import Asked
from models.next_best_product.profiles import Floats, Ints, Profiles
from models.next_best_product.statistics import Neighbours, Statistics

OWN, POPULAR, SIMILAR, LINEAR, TOGETHER = 80, 40, 60, 80, 60
"""Candidates from the customer's own history, popularity, similar items, the linear model, and the basket."""

GROUPS = {
    "own purchases": ("orders", "order_share", "decayed_14d", "decayed_45d", "decayed_150d", "decayed_share",
                      "last_days", "first_days", "gap_days", "last_by_own_gap", "last_by_item_gap"),
    "popularity": ("recent_7d", "recent_30d", "recent_90d", "rank", "trend", "buyers", "repeat_rate", "item_gap_days"),
    "similar items": ("similar", "similar_rank", "affinity", "affinity_rank"),
    "the basket": ("together", "confidence"),
    "the customer": ("order_days", "recency_days", "tenure_days", "basket_items"),
}  # fmt: skip
"""The ranker's features by group, in the order of its columns; ages in days, shares 0..1, NaN = never bought."""
FEATURES = tuple(chain.from_iterable(GROUPS.values()))
# the recent and the ever bought, both long enough to rank by
LONGEST_DECAY = -1


@dataclass(frozen=True)
class Candidates:
    """Pairs of customer and item.

    Parameters
    ----------
    row, item : int64 arrays, shape (m,)
        Rising by customer, then item.
    features : float32 array, shape (m, f)
        In the order of ``FEATURES``.
    """

    row: Ints
    item: Ints
    features: NDArray[np.float32]


@dataclass(frozen=True)
class Generators:
    """Where candidates come from, at one cutoff.

    Parameters
    ----------
    statistics : Statistics
        Of the items.
    similar : Neighbours
        Items by the cosine of their buyers.
    rules : Neighbours
        Orders that hold both items.
    affinity : Affinity
        The linear model of items that go together.
    """

    statistics: Statistics
    similar: Neighbours
    rules: Neighbours
    affinity: Affinity

    def candidates(self, asked: Asked) -> Candidates:
        """Return the candidates of a few customers: dense matrices of (customers, items) are made on the way."""
        known = asked.profiles
        similar = (known.matrix(np.ones(len(known.item))) @ self.similar.matrix()).toarray()
        linear = self.affinity.scores(known, np.ones(len(known.item)))
        basket = _from_basket(asked, self.rules, self.statistics) if asked.baskets else None
        row, item = np.nonzero(self._picked(asked, similar, linear, basket))
        columns = chain(
            _own(known, row, item, self.statistics),
            _popularity(self.statistics, item),
            chain.from_iterable((each[row, item], _rank(row, each[row, item])) for each in (similar, linear)),
            (np.full(len(row), np.nan),) * 2 if basket is None else (each[row, item] for each in basket),
            (each[row] for each in (known.order_days, known.recency_days, known.tenure_days, known.basket_items)),
        )
        features = np.empty((len(row), len(FEATURES)), np.float32)
        for position, column in enumerate(columns):
            features[:, position] = column
        return Candidates(row, item, features)

    def _picked(
        self, asked: Asked, similar: Floats, linear: Floats, basket: tuple[Floats, Floats] | None
    ) -> NDArray[np.bool_]:
        fits = asked.open_items() & asked.usable[:, None]
        own = asked.profiles.dense(asked.profiles.decayed[:, LONGEST_DECAY], 0.0)
        if asked.mode == "repeat":
            return _top(own * fits, OWN + SIMILAR)
        picked = _top(self.statistics.popularity * fits, POPULAR) | _top(similar * fits, SIMILAR)
        picked |= _top(linear * fits, LINEAR)
        if asked.mode != "new":
            picked |= _top(own * fits, OWN)
        if basket is not None:
            picked |= _top(basket[0] * fits, TOGETHER)
        return picked


def _top(values: Floats, count: int) -> NDArray[np.bool_]:
    """Say which values are among the row's highest ``count`` and above 0; equal values go together."""
    if values.shape[1] <= count:
        return values > 0
    # negated: selecting near the end of mostly equal values is many times slower
    least = -np.partition(-values, count - 1, axis=1)[:, count - 1 : count]
    return (values >= least) & (values > 0)


def _from_basket(asked: Asked, rules: Neighbours, statistics: Statistics) -> tuple[Floats, Floats]:
    """Return summed cosines with the basket's items, and the mean confidence of their rules; (n, items) each."""
    items = np.repeat(np.arange(statistics.items), np.diff(rules.indptr))
    orders = np.maximum(statistics.orders, 1.0)
    cosine = rules.values / np.sqrt(orders[items] * orders[rules.indices])
    baskets = asked.basket_matrix()
    size = np.maximum(np.diff(baskets.indptr), 1)[:, None]
    strengths = (cosine, rules.values / orders[items])
    weighed = (Neighbours(rules.indptr, rules.indices, each).matrix() for each in strengths)
    together, confidence = ((baskets @ each).toarray() for each in weighed)
    return together, confidence / size


def _own(known: Profiles, row: Ints, item: Ints, statistics: Statistics) -> Iterator[Floats]:
    where = sparse.csr_array(
        (np.arange(1, len(known.item) + 1), known.item, np.r_[0, known.ends]), shape=(known.customers, known.items)
    ).toarray()[row, item]
    summed = np.bincount(known.row, known.decayed[:, LONGEST_DECAY], minlength=known.customers)
    again = np.where(known.orders > 1, known.orders - 1, np.nan)
    gap = (known.first_days - known.last_days) / again
    told = (
        known.orders,
        known.orders / known.order_days[known.row],
        *known.decayed.T,
        known.decayed[:, LONGEST_DECAY] / summed[known.row],
        known.last_days,
        known.first_days,
        gap,
        known.last_days / gap,
        known.last_days / statistics.gap_days[known.item],
    )
    # position 0 is what was never bought
    yield from (np.r_[np.nan, each][where] for each in told)


def _popularity(statistics: Statistics, item: Ints) -> Iterator[Floats]:
    rank = np.empty(statistics.items)
    rank[statistics.by_popularity] = np.arange(statistics.items)
    week, _, quarter = statistics.recent
    told = (
        *statistics.recent,
        rank,
        week / np.maximum(quarter, 1e-9),
        statistics.buyers,
        statistics.repeat_rate,
        statistics.gap_days,
    )
    yield from (each[item] for each in told)


def _rank(row: Ints, values: Floats) -> Floats:
    """Return each value's rank within its row from 0 = the highest; equal values in the order they come."""
    order = np.lexsort((-values, row))
    starts = np.searchsorted(row, row)
    rank = np.empty(len(row))
    rank[order] = np.arange(len(row)) - starts[order]
    return rank
