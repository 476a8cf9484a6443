"""What customers bought, by product and day: the raw material of baskets, embeddings and next products."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

MAX_CHANNELS = 64
"""As many as there are bits; a column with more values than that holds no channels."""


@dataclass(frozen=True)
class Purchases:
    """Each (customer, product, day) once; returns are left out. Arrays may be memory maps.

    Parameters
    ----------
    ends : int64 array, shape (n,)
        Where each customer's purchases end; they begin where the one before ends.
    items : int32 array, shape (m,)
        Rows of the product table.
    days : int32 array, shape (m,)
        Days since 1970-01-01, rising within a customer.
    """

    ends: NDArray[np.int64]
    items: NDArray[np.int32]
    days: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.ends)

    def span(self, row: int) -> slice:
        """Return where one customer's purchases are."""
        return slice(int(self.ends[row - 1]) if row else 0, int(self.ends[row]))


@dataclass(frozen=True)
class Channels:
    """Through which channels customers ordered.

    Parameters
    ----------
    names : tuple of str
        At most ``MAX_CHANNELS``, those that most customers used; empty where the data have none.
    bits : uint64 array, shape (n,)
        Bit i of a customer is set where an order came through ``names[i]``; no array is read where there is no name.
    """

    names: tuple[str, ...]
    bits: NDArray[np.uint64]

    def used(self, name: str) -> NDArray[np.bool_]:
        """Say who ordered through one of ``names``, shape (n,)."""
        of_name: NDArray[np.bool_] = self.bits & np.uint64(1 << self.names.index(name)) != 0
        return of_name


@dataclass(frozen=True)
class AnonymousSales:
    """Order lines without a customer, summed by product and day; returns are left out.

    Parameters
    ----------
    items : int32 array, shape (m,)
        Rows of the product table.
    days : int32 array, shape (m,)
        Days since 1970-01-01.
    lines : float64 array, shape (m,)
        How many there were; where customers are drawn, as many for each of them as there are for each of all.
    """

    items: NDArray[np.int32]
    days: NDArray[np.int32]
    lines: NDArray[np.float64]


@dataclass(frozen=True)
class Histories:
    """The purchases of a batch of customers as each is known at its as_of.

    Parameters
    ----------
    products : pyarrow Table
        The product table that items are rows of.
    purchases : Purchases
        Of anybody.
    rows : int64 array, shape (n,)
        Each customer's row in ``purchases``; -1 = bought nothing.
    as_of : datetime64[D] array, shape (n,)
        Later purchases are not seen.
    anonymous : AnonymousSales, optional
        What nobody known bought, on any day; None = it does not count.
    """

    products: pa.Table
    purchases: Purchases
    rows: NDArray[np.int64]
    as_of: NDArray[np.datetime64]
    anonymous: AnonymousSales | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def of(self, position: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Return one customer's items and their ages in whole days (>= 1), oldest first, each of shape (m,)."""
        row = int(self.rows[position])
        if row < 0:
            return np.empty(0, np.int32), np.empty(0, np.int32)
        span = self.purchases.span(row)
        days = self.purchases.days[span]
        now = int(self.as_of[position].astype("datetime64[D]").astype(np.int64))
        seen = int(np.searchsorted(days, now))
        return self.purchases.items[span][:seen], (now - days[:seen]).astype(np.int32)

    def bought(self) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
        """Return each purchase that is known: the customer's position, the item, and its age in whole days (>= 1).

        Each of shape (m,); in the order of the customers, oldest first.
        """
        purchases = self.purchases
        known = self.rows >= 0
        if not len(purchases) or not len(purchases.items):
            return np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int64)
        at = np.where(known, self.rows, 0)
        ends = np.where(known, purchases.ends[at], 0)
        starts = np.where(known & (at > 0), purchases.ends[np.maximum(at - 1, 0)], 0)
        lengths = ends - starts
        customers = np.repeat(np.arange(len(at)), lengths)
        before = np.cumsum(lengths) - lengths
        lines = np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)
        now = self.as_of.astype("datetime64[D]").astype(np.int64)
        ages = now[customers] - purchases.days[lines]
        seen = ages > 0
        return customers[seen], purchases.items[lines[seen]], ages[seen]

    def take(self, picked: NDArray[Any]) -> "Histories":
        """Return the given positions (indices)."""
        return replace(self, rows=self.rows[picked], as_of=self.as_of[picked])


def no_channels() -> Channels:
    """Return the channels of data that have none."""
    return Channels((), np.empty(0, np.uint64))


def channels_of(customers: Sequence[int], names: Sequence[str], *, count: int) -> Channels:
    """Note who ordered through which channel.

    Parameters
    ----------
    customers : sequence of int, length m
        0 .. count - 1, each with each of its channels once.
    names : sequence of str, length m
        The channel of each.
    count : int
        Customers in all.
    """
    if not len(names):
        return no_channels()
    found, which, users = np.unique(np.asarray(names, str), return_inverse=True, return_counts=True)
    kept = np.sort(np.argsort(-users, kind="stable")[:MAX_CHANNELS])
    bits = np.zeros(count, np.uint64)
    rows = np.asarray(customers, np.int64)
    for bit, position in enumerate(kept):
        bits[rows[which == position]] |= np.uint64(1 << bit)
    return Channels(tuple(found[kept].tolist()), bits)


def nothing_bought(count: int) -> Purchases:
    """Return the purchases of ``count`` customers who bought nothing."""
    return Purchases(np.zeros(count, np.int64), np.empty(0, np.int32), np.empty(0, np.int32))


def purchases_of(customers: Sequence[int], items: Sequence[int], days: Sequence[int], *, count: int) -> Purchases:
    """Put purchases in order.

    Parameters
    ----------
    customers : sequence of int, length m
        Each purchase's customer, 0 .. count - 1.
    items, days : sequences of int, length m
        See ``Purchases``.
    count : int
        Customers in all.
    """
    rows = np.unique(np.column_stack([np.asarray(customers, np.int64), days, items]).reshape(-1, 3), axis=0)
    ends = np.searchsorted(rows[:, 0], np.arange(count), side="right")
    return Purchases(ends.astype(np.int64), rows[:, 2].astype(np.int32), rows[:, 1].astype(np.int32))
