"""What everybody's purchases say about each item: popularity and habits.

All of it is indexed by item: an answer costs the same whether ten thousand or ten million customers taught it.

Where anonymous lines count, each is one more customer, who bought that item once and nothing else: popularity stays a
share of buyers. Nobody knows whether an anonymous buyer comes again, so that habits and orders are those of customers.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.next_best_product.profiles import Codes, Events, Floats, Ints, Profiles, profiles_of
from models.purchases import Histories

WINDOWS_DAYS = (7, 30, 90)
"""Windows over which buyers are counted."""
POPULAR_WINDOW = 1
"""The position of the window that popularity means."""
PRIOR_GAP_BUYERS = 10.0
"""Repeat buyers' worth of the overall gap that an item's own mean gap is drawn towards."""


@dataclass(frozen=True)
class Statistics:
    """What is known of each item at one cutoff.

    Parameters
    ----------
    recent : float64 array, shape (3, items)
        Share of the customers with an order, anonymous ones included, who bought it in the last 7, 30 and 90 days.
    buyers : float64 array, shape (items,)
        Share of the customers with an order, anonymous ones included, who ever bought it.
    repeat_rate : float64 array, shape (items,)
        Share of its known buyers who bought it on two days or more.
    gap_days : float64 array, shape (items,)
        Mean days between two purchases of one customer, drawn towards the mean over all items.
    orders : float64 array, shape (items,)
        Orders that hold it.
    total_orders : float64 array, shape ()
        Orders in all.
    """

    recent: Floats
    buyers: Floats
    repeat_rate: Floats
    gap_days: Floats
    orders: Floats
    total_orders: Floats

    @property
    def popularity(self) -> Floats:
        """Share of the customers with an order who bought the item in the last 30 days, shape (items,)."""
        popular: Floats = self.recent[POPULAR_WINDOW]
        return popular

    @property
    def items(self) -> int:
        """How many items there are."""
        return len(self.buyers)

    @cached_property
    def by_popularity(self) -> Ints:
        """Items from the most popular to the least, ties by buyers, then in the order of the items, shape (items,)."""
        order: Ints = np.lexsort((-self.buyers, -self.popularity))
        return order

    @cached_property
    def _counted(self) -> Floats:
        """Shares of buyers in each window and ever, shape (4, items)."""
        return np.vstack([self.recent, self.buyers])

    @cached_property
    def ranks(self) -> Floats:
        """Items that are more popular, in each window and ever; shape (4, items)."""
        found: Floats = np.vstack([np.searchsorted(np.sort(-each), -each) for each in self._counted]).astype(np.float64)
        return found

    @cached_property
    def shares(self) -> Floats:
        """Buyers over those of the most popular item, in each window and ever; shape (4, items)."""
        highest = self._counted.max(axis=1, initial=0.0, keepdims=True)
        found: Floats = self._counted / np.where(highest > 0, highest, 1.0)
        return found

    @cached_property
    def trends(self) -> Floats:
        """The item's share of all buyers in a window over that in the next longer one, shape (2, items); 1 = steady."""
        summed = self.recent.sum(axis=1, keepdims=True)
        part = self.recent / np.where(summed > 0, summed, 1.0)
        found: Floats = part[:-1] / np.maximum(part[1:], 1e-9)
        return found


@dataclass(frozen=True)
class Anonymous:
    """Order lines without a customer that are known at one cutoff.

    Parameters
    ----------
    item, age : int64 arrays, shape (m,)
        The item, and whole days before the cutoff (>= 1).
    lines : float64 array, shape (m,)
        How many there were.
    """

    item: Ints
    age: Ints
    lines: Floats


def anonymous_of(histories: Histories, codes: Codes) -> Anonymous | None:
    """Read the anonymous lines of histories of one cutoff at one level; None = there are none, or nobody to ask.

    Parameters
    ----------
    histories : Histories
        All with one as_of.
    codes : int32 array, shape (products,)
        The item of each row of the histories' product table; -1 = none.
    """
    sales = histories.anonymous
    if sales is None or not len(histories):
        return None
    item = codes[sales.items].astype(np.int64)
    age = int(histories.as_of[0].astype("datetime64[D]").astype(np.int64)) - sales.days.astype(np.int64)
    known = (item >= 0) & (age > 0)
    return Anonymous(item[known], age[known], sales.lines[known])


def statistics_of(events: Events, profiles: Profiles | None = None, anonymous: Anonymous | None = None) -> Statistics:
    """Count over everybody's events."""
    profiles = profiles if profiles is not None else profiles_of(events)
    items = profiles.items
    recent, ever = _shares(profiles, anonymous)
    buyers = np.bincount(profiles.item, minlength=items)
    again = profiles.orders > 1
    repeaters = np.bincount(profiles.item[again], minlength=items)
    gaps = (profiles.first_days[again] - profiles.last_days[again]) / (profiles.orders[again] - 1)
    usual = gaps.mean() if len(gaps) else 30.0
    summed = np.bincount(profiles.item[again], gaps, minlength=items)
    return Statistics(
        recent,
        ever,
        repeaters / np.maximum(buyers, 1),
        (summed + usual * PRIOR_GAP_BUYERS) / (repeaters + PRIOR_GAP_BUYERS),
        np.bincount(events.item, minlength=items).astype(np.float64),
        np.array(float(len(events.order_starts))),
    )


def _shares(profiles: Profiles, anonymous: Anonymous | None) -> tuple[Floats, Floats]:
    """Return the shares of buyers in each window, and of those who ever bought."""
    windows, items = (*WINDOWS_DAYS, np.inf), profiles.items
    buyers = np.array([np.bincount(profiles.item[profiles.last_days <= days], minlength=items) for days in windows])
    people = float(profiles.known.sum())
    if anonymous is not None:
        within = [anonymous.age <= days for days in windows]
        buyers = buyers + [np.bincount(anonymous.item[in_], anonymous.lines[in_], minlength=items) for in_ in within]
        people += float(anonymous.lines.sum())
    shares = buyers / max(people, 1.0)
    return shares[:-1], shares[-1]
