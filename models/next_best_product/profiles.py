"""What customers bought at one level, folded into one row for each customer and item.

Everything here is computed customer by customer (sums run within a customer's own rows), so that one customer gets the
same figures alone and among many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.purchases import Histories

HALF_LIVES_DAYS = (14.0, 45.0, 150.0)
"""Half-lives of the decayed counts."""
RECENT_ORDERS = 25
"""Newest orders of a customer that the recent share is of."""
GROUP_ORDERS, GROUP_DECAY = 7, 0.6
"""Orders in a group of the temporal frequency, and what each older group is worth of the one after it."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Codes = NDArray[np.int32]


@dataclass(frozen=True)
class Events:
    """Each (customer, order day, item) once, in that order.

    Parameters
    ----------
    customers, items : int
        How many there are.
    row, item, age : int64 arrays, shape (m,)
        The customer's position, the item, whole days before as_of (>= 1), oldest first within a customer.
    """

    customers: int
    items: int
    row: Ints
    item: Ints
    age: Ints

    @cached_property
    def order_starts(self) -> Ints:
        """Where each order (customer and day) begins, shape (orders,)."""
        return _starts(self.row, self.age)

    def take_rows(self, wanted: NDArray[np.bool_]) -> "Events":
        """Return the events of some customers, who keep their positions."""
        kept = wanted[self.row]
        return Events(self.customers, self.items, self.row[kept], self.item[kept], self.age[kept])


def events_of(histories: Histories, codes: Codes, items: int) -> Events:
    """Read histories at one level.

    Parameters
    ----------
    histories : Histories
        Of n customers.
    codes : int32 array, shape (products,)
        The item of each row of the histories' product table; -1 = none.
    items : int
        Number of items.
    """
    row, products, age = histories.bought()
    return unique_events(row, codes[products].astype(np.int64), age, len(histories), items)


def unique_events(row: Ints, item: Ints, age: Ints, customers: int, items: int) -> Events:
    """Leave out what is no item (-1) and what is there twice; put the rest in order."""
    known = item >= 0
    row, item, age = row[known], item[known], age[known]
    span = int(age.max(initial=0)) + 1
    key = np.sort((row * span + (span - 1 - age)) * items + item)
    # sorted already: many times faster than np.unique's hash
    key = key[_starts(key)]
    order, item = np.divmod(key, max(items, 1))
    row, younger = np.divmod(order, span)
    return Events(customers, items, row, item, span - 1 - younger)


@dataclass(frozen=True)
class Profiles:
    """Each customer's items with what is known of them.

    Parameters
    ----------
    customers, items : int
        How many there are.
    ends : int64 array, shape (customers,)
        Where each customer's rows end; they begin where the one before ends.
    row, item : int64 arrays, shape (m,)
        Rising by customer, then item.
    orders : float64 array, shape (m,)
        Order days with the item.
    last_days, first_days : float64 arrays, shape (m,)
        Age of the newest and of the oldest purchase, in days.
    decayed : float64 array, shape (m, 3)
        Order days with the item, each halved every ``HALF_LIVES_DAYS``.
    recent : float64 array, shape (m,)
        Share of the customer's ``RECENT_ORDERS`` newest orders with the item; 0 = in older ones alone.
    temporal : float64 array, shape (m,)
        Share of the orders with the item where older ones count for less, group by group of ``GROUP_ORDERS``.
    order_days, recency_days, tenure_days, basket_items : float64 arrays, shape (customers,)
        Orders, age of the last and of the first, mean items an order; NaN where there are none.
    """

    customers: int
    items: int
    ends: Ints
    row: Ints
    item: Ints
    orders: Floats
    last_days: Floats
    first_days: Floats
    decayed: Floats
    recent: Floats
    temporal: Floats
    order_days: Floats
    recency_days: Floats
    tenure_days: Floats
    basket_items: Floats

    @property
    def known(self) -> NDArray[np.bool_]:
        """Say who bought anything, shape (customers,)."""
        return self.order_days > 0

    @property
    def order_shares(self) -> Floats:
        """Share of the customer's orders with each row's item, shape (m,)."""
        return self.orders / self.order_days[self.row]

    @property
    def _by_row(self) -> tuple[Floats, ...]:
        """What is known of each row, in the order of the fields."""
        return self.orders, self.last_days, self.first_days, self.decayed, self.recent, self.temporal

    @property
    def _of_people(self) -> tuple[Floats, ...]:
        """What is known of each customer, in the order of the fields."""
        return self.order_days, self.recency_days, self.tenure_days, self.basket_items

    def span(self, row: int) -> slice:
        """Return where one customer's rows are."""
        return slice(int(self.ends[row - 1]) if row else 0, int(self.ends[row]))

    def matrix(self, values: Floats) -> "sparse.csr_array":
        """Return values of the rows as a sparse matrix, shape (customers, items)."""
        return csr(values, self.item, np.r_[0, self.ends], (self.customers, self.items))

    def dense(self, values: Floats, empty: float) -> Floats:
        """Return values of the rows as a matrix, shape (customers, items)."""
        filled = np.full((self.customers, self.items), empty)
        filled[self.row, self.item] = values
        return filled

    def take(self, picked: Ints) -> "Profiles":
        """Return the given customers, in that order."""
        spans = [self.span(row) for row in picked.tolist()]
        sizes = np.array([span.stop - span.start for span in spans], np.int64)
        rows = np.concatenate([np.arange(span.start, span.stop) for span in spans]) if spans else np.empty(0, np.int64)
        return Profiles(
            len(picked),
            self.items,
            np.cumsum(sizes),
            np.repeat(np.arange(len(picked)), sizes),
            self.item[rows],
            *(values[rows] for values in self._by_row),
            *(values[picked] for values in self._of_people),
        )

    def chunk(self, start: int, stop: int) -> "Profiles":
        """Return the customers from ``start`` up to ``stop``."""
        rows = slice(int(self.ends[start - 1]) if start else 0, int(self.ends[stop - 1]) if stop else 0)
        return Profiles(
            stop - start,
            self.items,
            self.ends[start:stop] - rows.start,
            self.row[rows] - start,
            self.item[rows],
            *(values[rows] for values in self._by_row),
            *(values[start:stop] for values in self._of_people),
        )


def profiles_of(events: Events) -> Profiles:
    """Fold events into profiles."""
    order = np.argsort(events.row * max(events.items, 1) + events.item, kind="stable")
    row, item, age = events.row[order], events.item[order], events.age[order].astype(np.float64)
    starts = _starts(row, item)
    orders = np.diff(np.r_[starts, len(row)]).astype(np.float64)
    decays = np.column_stack([np.exp2(-age / days) for days in HALF_LIVES_DAYS])
    newest = starts + orders.astype(np.int64) - 1
    recent, temporal = (np.add.reduceat(each[order], starts) if len(starts) else np.empty(0) for each in _worth(events))
    return Profiles(
        events.customers,
        events.items,
        np.searchsorted(row[starts], np.arange(events.customers), side="right").astype(np.int64),
        row[starts],
        item[starts],
        orders,
        age[newest],
        age[starts],
        np.add.reduceat(decays, starts) if len(starts) else np.empty((0, len(HALF_LIVES_DAYS))),
        recent,
        temporal,
        *_people(events),
    )


def _worth(events: Events) -> tuple[Floats, Floats]:
    """Return what each event adds to the recent share and to the temporal frequency, by how many orders came later.

    Notes
    -----
    The former is the recency-aware user-wise popularity of Faggioli, G., Polato, M. and Aiolli, F. (2020), Recency
    aware collaborative filtering for next basket recommendation, UMAP 28. The latter is the temporal item frequency of
    Hu, H. et al. (2020), Modeling personalized item frequency information for next-basket recommendation, SIGIR 43.
    """
    starts = events.order_starts
    orders = np.bincount(events.row[starts], minlength=events.customers)
    order = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, len(events.row)]))
    count = orders[events.row]
    later = np.cumsum(orders)[events.row] - 1 - order
    group = later // GROUP_ORDERS
    # the oldest group may be smaller
    size = np.minimum(GROUP_ORDERS, count - group * GROUP_ORDERS)
    groups = -(-count // GROUP_ORDERS)
    recent = (later < RECENT_ORDERS) / np.minimum(count, RECENT_ORDERS)
    # orders of one group count alike: the paper's decay within a group is 1 here
    return recent, GROUP_DECAY**group / (size * groups)


def _people(events: Events) -> tuple[Floats, Floats, Floats, Floats]:
    starts = events.order_starts
    rows = events.row[starts]
    orders = np.bincount(rows, minlength=events.customers).astype(np.float64)
    lines = np.bincount(events.row, minlength=events.customers)
    first, last = np.full(events.customers, np.nan), np.full(events.customers, np.nan)
    last[rows] = events.age[starts]  # the newest order is written last
    first[rows[::-1]] = events.age[starts][::-1]
    with np.errstate(invalid="ignore"):
        return orders, last, first, lines / np.where(orders > 0, orders, np.nan)


def csr(values: NDArray[np.generic], columns: Ints, indptr: Ints, shape: tuple[int, int]) -> "sparse.csr_array":
    """Return a sparse matrix of rows; products with it run row by row, in the order given."""
    return sparse.csr_array((values, columns, indptr), shape=shape)


def _starts(*keys: Ints) -> Ints:
    """Return where runs of equal keys begin."""
    if not len(keys[0]):
        return np.empty(0, np.int64)
    changed = np.zeros(len(keys[0]), bool)
    changed[0] = True
    for key in keys:
        changed[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(changed)


def flat(lists: Sequence[Ints]) -> tuple[Ints, Ints]:
    """Return lists one after the other, and the list of each entry."""
    if not lists:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    return np.concatenate(lists).astype(np.int64), np.repeat(np.arange(len(lists)), [len(each) for each in lists])


def among(values: Ints, rising: Ints) -> NDArray[np.bool_]:
    """Say which values are among the rising ones; many times cheaper than ``np.isin`` on so few."""
    if not len(rising):
        return np.zeros(len(values), bool)
    at = np.minimum(np.searchsorted(rising, values), len(rising) - 1)
    found: NDArray[np.bool_] = rising[at] == values
    return found
