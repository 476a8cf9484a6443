"""What everybody's purchases say about each item: popularity and habits.

All of it is indexed by item: an answer costs the same whether ten thousand or ten million customers taught it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.next_best_product.profiles import Events, Floats, Ints, Profiles, profiles_of

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
        Share of the customers with an order who bought it in the last 7, 30 and 90 days.
    buyers : float64 array, shape (items,)
        Share of the customers with an order who ever bought it.
    repeat_rate : float64 array, shape (items,)
        Share of its buyers who bought it on two days or more.
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


def statistics_of(events: Events, profiles: Profiles | None = None) -> Statistics:
    """Count over everybody's events."""
    profiles = profiles if profiles is not None else profiles_of(events)
    people, items = max(int(profiles.known.sum()), 1), profiles.items
    recent = [np.bincount(profiles.item[profiles.last_days <= days], minlength=items) for days in WINDOWS_DAYS]
    buyers = np.bincount(profiles.item, minlength=items)
    again = profiles.orders > 1
    repeaters = np.bincount(profiles.item[again], minlength=items)
    gaps = (profiles.first_days[again] - profiles.last_days[again]) / (profiles.orders[again] - 1)
    usual = gaps.mean() if len(gaps) else 30.0
    summed = np.bincount(profiles.item[again], gaps, minlength=items)
    return Statistics(
        np.array(recent) / people,
        buyers / people,
        repeaters / np.maximum(buyers, 1),
        (summed + usual * PRIOR_GAP_BUYERS) / (repeaters + PRIOR_GAP_BUYERS),
        np.bincount(events.item, minlength=items).astype(np.float64),
        np.array(float(len(events.order_starts))),
    )
