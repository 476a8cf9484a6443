"""Candidates for customers and what the ranker sees of each: one row a (customer, item).

A row is made of the customer's own profile and of what is known of the item, so that one customer gets the same
figures alone and among many.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.next_best_product.affinity import Affinity
from models.next_best_product.asking import Asked
from models.next_best_product.neighbourhood import Neighbourhood, recent_shares
from models.next_best_product.neighbours import Neighbours, Singles
from models.next_best_product.profiles import Floats, Ints, Profiles
from models.next_best_product.statistics import Statistics

OWN, POPULAR, SIMILAR, LINEAR, NEAR, TOGETHER = 80, 40, 60, 80, 60, 60
"""Candidates from own history, popularity, similar items, the linear model, similar customers, and the basket."""

GROUPS = {
    "own purchases": ("orders", "order_share", "decayed_14d", "decayed_45d", "decayed_150d", "decayed_share",
                      "last_days", "first_days", "gap_days", "last_by_own_gap", "last_by_item_gap"),
    "popularity": ("rank_7d", "rank_30d", "rank_90d", "rank_ever", "share_7d", "share_30d", "share_90d", "share_ever",
                   "trend_7d", "trend_30d", "repeat_rate", "item_gap_days"),
    "similar items": ("similar", "similar_share", "affinity", "affinity_share"),
    "similar customers": ("near", "near_share"),
    "the basket": ("together", "confidence"),
    "the customer": ("order_days", "recency_days", "tenure_days", "basket_items"),
}  # fmt: skip
"""The ranker's features by group, in the order of its columns; ages in days, shares 0..1, NaN = never bought.

Popularity is a rank (0 = the most popular), a share of the most popular item's, or a trend against the item's own
longer window: a month in which everybody buys more, or less, says the same as any other.
"""
FEATURES = tuple(chain.from_iterable(GROUPS.values()))
RISING = frozenset({"similar", "similar_share", "affinity", "affinity_share", "near", "near_share", "share_7d",
                    "share_30d", "share_90d", "share_ever"})  # fmt: skip
FALLING = frozenset({"rank_7d", "rank_30d", "rank_90d", "rank_ever"})
"""Features of what was never bought that never speak against it as they rise, or as they fall."""
LONGEST_DECAY = -1
"""The decayed count that own purchases are ranked by."""


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
    neighbourhood : Neighbourhood
        A sample of the customers by their recent shares.
    """

    statistics: Statistics
    similar: Neighbours
    rules: Neighbours
    affinity: Affinity
    neighbourhood: Neighbourhood

    def candidates(self, asked: Asked) -> Candidates:
        """Return the candidates of a few customers: dense matrices of (customers, items) are made on the way."""
        known = asked.profiles
        bought = known.matrix(np.ones(len(known.item), np.float32))
        similar = (bought @ self.similar.matrix()).toarray()
        linear = self.affinity.scores(bought)
        near = self.neighbourhood.scores(recent_shares(known))
        scored: tuple[Singles, ...] = (similar, linear, near)
        if asked.mode == "new":
            for each in scored:
                # shares are of the highest that may be answered
                each[known.row, known.item] = 0
        basket = self.from_basket(asked) if asked.baskets else None
        row, item = np.nonzero(self._picked(asked, similar, linear, near, basket))
        columns: Iterator[NDArray[Any]] = chain(
            _own(known, row, item, self.statistics),
            _popularity(self.statistics, item),
            chain.from_iterable(_with_share(each, row, item) for each in scored),
            (np.full(len(row), np.nan),) * 2 if basket is None else (each[row, item] for each in basket),
            (each[row] for each in (known.order_days, known.recency_days, known.tenure_days, known.basket_items)),
        )
        features = np.empty((len(row), len(FEATURES)), np.float32)
        for position, column in enumerate(columns):
            features[:, position] = column
        return Candidates(row, item, features)

    def _picked(
        self, asked: Asked, similar: Singles, linear: Singles, near: Singles, basket: tuple[Singles, Singles] | None
    ) -> NDArray[np.bool_]:
        fits = asked.open_items & asked.usable[:, None]
        picked = np.zeros(fits.shape, bool)
        if asked.mode != "new":
            _pick_own(picked, fits, asked.profiles, OWN + SIMILAR if asked.mode == "repeat" else OWN)
        if asked.mode != "repeat":
            # what nobody ever bought is not popular: it may be a category that is never recommended
            _pick_popular(picked, fits & (self.statistics.buyers > 0), self.statistics.by_popularity)
            linked = self.affinity.items
            picked[:, linked] |= _top(linear[:, linked] * fits[:, linked], LINEAR)
            picked |= _top(similar * fits, SIMILAR)
            picked |= _top(near * fits, NEAR)
        if basket is not None:
            picked |= _top(basket[0] * fits, TOGETHER)
        return picked & fits

    @cached_property
    def _strengths(self) -> "tuple[sparse.csr_array, sparse.csr_array]":
        """Cosine and confidence of each rule, shape (items, items) each, from what is there to what goes with it."""
        rules = self.rules
        items = np.repeat(np.arange(self.statistics.items), np.diff(rules.indptr))
        orders = np.maximum(self.statistics.orders, 1.0)
        cosine = rules.values / np.sqrt(orders[items] * orders[rules.indices])
        confidence = rules.values / orders[items]
        cosines, confidences = (replace(rules, values=each.astype(np.float32)) for each in (cosine, confidence))
        return cosines.matrix(), confidences.matrix()

    def from_basket(self, asked: Asked) -> tuple[Singles, Singles]:
        """Return summed cosines with the basket's items, and the mean confidence of their rules; (n, items) each."""
        baskets = asked.basket_matrix()
        size = np.maximum(np.diff(baskets.indptr), 1)[:, None]
        together, confidence = ((baskets @ each).toarray() for each in self._strengths)
        return together, confidence / size


def _pick_own(picked: NDArray[np.bool_], fits: NDArray[np.bool_], known: Profiles, count: int) -> None:
    """Pick what each customer bought most of what fits, lately more than long ago."""
    rows = np.flatnonzero(fits[known.row, known.item])
    row, item = known.row[rows], known.item[rows]
    order = np.lexsort((item, -known.decayed[rows, LONGEST_DECAY], row))
    rank = np.arange(len(order)) - np.searchsorted(row, row)
    most = order[rank < count]
    picked[row[most], item[most]] = True


def _pick_popular(picked: NDArray[np.bool_], fits: NDArray[np.bool_], by_popularity: Ints) -> None:
    """Pick the most popular items that each customer may be answered."""
    open_to_any = by_popularity[np.any(fits, axis=0)[by_popularity]]
    closed = len(open_to_any) - int(fits[:, open_to_any].sum(axis=1).min(initial=len(open_to_any)))
    head = open_to_any[: POPULAR + closed]
    fit = fits[:, head]
    row, at = np.nonzero(fit & (np.cumsum(fit, axis=1) <= POPULAR))
    picked[row, head[at]] = True


def _top(values: Singles, count: int) -> NDArray[np.bool_]:
    """Say which values are among the row's highest ``count`` and above 0; equal values go together."""
    if values.shape[1] <= count:
        return values > 0
    # negated: selecting near the end of mostly equal values is many times slower
    least = -np.partition(-values, count - 1, axis=1)[:, count - 1 : count]
    return (values >= least) & (values > 0)


def _own(known: Profiles, row: Ints, item: Ints, statistics: Statistics) -> Iterator[Floats]:
    bought = known.row * known.items + known.item
    wanted = row * known.items + item
    at = np.searchsorted(bought, wanted)
    # the last position is what was never bought
    where = np.where(np.r_[bought, -1][at] == wanted, at, len(bought))
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
    yield from (np.r_[each, np.nan][where] for each in told)


def _popularity(statistics: Statistics, item: Ints) -> Iterator[Floats]:
    told = (*statistics.ranks, *statistics.shares, *statistics.trends, statistics.repeat_rate, statistics.gap_days)
    yield from (each[item] for each in told)


def _with_share(values: Singles, row: Ints, item: Ints) -> tuple[Singles, Singles]:
    """Return some values, and each one's share of its row's highest: the same whatever a filter leaves."""
    highest = values.max(axis=1, initial=0)
    found = values[row, item]
    shares: Singles = (found / np.where(highest > 0, highest, 1)[row]).astype(np.float32)
    return found, shares
