"""What a method learns from at one level: everybody's purchases at the limit, and what came next at past cutoffs."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models import columns as col
from models.errors import NotEnoughDataError
from models.next_best_product.affinity import Affinity, affinity_of
from models.next_best_product.asking import Asked
from models.next_best_product.neighbourhood import Neighbourhood, neighbourhood_of
from models.next_best_product.neighbours import Neighbours, similar_items, together
from models.next_best_product.profiles import Codes, Events, Ints, Profiles, among, events_of, profiles_of
from models.next_best_product.statistics import Anonymous, Statistics, anonymous_of, statistics_of
from models.prediction import Examples
from models.products import listed

MIN_CUSTOMERS = 100
MAX_MEASURED = 5_000
"""Customers of one cutoff that a method is measured on."""
PAST_CUTOFFS = 3
SPACING_DAYS = 28
"""Days that two past cutoffs lie apart, or the horizon where it is shorter."""
ACTIVE_DAYS = 90
"""Customers with an order in so many days are learnt from and measured."""
BUT_ONE = "basket_but_one"
"""A question beside the modes: one item of a basket, by all the others."""


@dataclass(frozen=True)
class Snapshot:
    """Everybody at one cutoff.

    Parameters
    ----------
    events : Events
        Of n customers.
    basket, window : tuple of int64 array, length n
        Items of the first order day of the label window, and of the whole window; rising, empty where there are none.
    anonymous : Anonymous, optional
        Lines without a customer that count in popularity.
    """

    events: Events
    basket: tuple[Ints, ...]
    window: tuple[Ints, ...]
    anonymous: Anonymous | None = None

    @cached_property
    def profiles(self) -> Profiles:
        """Every customer's profile."""
        return profiles_of(self.events)

    @cached_property
    def statistics(self) -> Statistics:
        """Of the items."""
        return statistics_of(self.events, self.profiles, self.anonymous)

    @cached_property
    def similar(self) -> Neighbours:
        """Items that the same people buy."""
        return similar_items(self.profiles)

    @cached_property
    def affinity(self) -> Affinity:
        """Which items go together in one customer's history."""
        return affinity_of(self.profiles, np.ones(len(self.profiles.item)))

    @cached_property
    def neighbourhood(self) -> Neighbourhood:
        """A sample of the customers by the recent share of each item."""
        return neighbourhood_of(self.profiles, self.profiles.recent, within_days=ACTIVE_DAYS)

    @cached_property
    def rules(self) -> Neighbours:
        """Orders that hold both of two items."""
        return together(self.events)

    @cached_property
    def _questions(self) -> "dict[str, tuple[Asked, tuple[Ints, ...]]]":
        return {}

    def question(self, mode: str) -> "tuple[Asked, tuple[Ints, ...]]":
        """Return how a mode is taught and measured: the question, and the items that would have been right.

        The first order day for ``any``; the items of the whole window never bought before for ``new``, and those bought
        before for ``repeat``; for ``basket`` every other item of the first order day lies in the basket already, and
        for ``basket_but_one`` all but a drawn one do: half a basket teaches more, one item is what is measured.
        """
        if mode not in self._questions:
            self._questions[mode] = self._asked(mode)
        return self._questions[mode]

    def _asked(self, mode: str) -> "tuple[Asked, tuple[Ints, ...]]":
        right = self.basket
        if mode in ("new", "repeat"):
            own = (self.profiles.item[self.profiles.span(row)] for row in range(self.profiles.customers))
            right = tuple(
                window[among(window, bought) == (mode == "repeat")]
                for window, bought in zip(self.window, own, strict=True)
            )
        if mode not in ("basket", BUT_ONE):
            return Asked(self.profiles, mode), right  # type: ignore[arg-type]
        hidden = tuple(_drawn(self.basket) if mode == BUT_ONE else (basket[1::2] for basket in self.basket))
        given = tuple(np.setdiff1d(*each, assume_unique=True) for each in zip(self.basket, hidden, strict=True))
        return Asked(self.profiles, "basket", baskets=given), hidden

    def taught(self, right: Sequence[Ints]) -> Ints:
        """Return the customers who are learnt from and measured: an order lately, and something right."""
        some = np.array([len(each) > 0 for each in right], bool)
        with np.errstate(invalid="ignore"):
            return np.flatnonzero(some & (self.profiles.recency_days <= ACTIVE_DAYS))


def snapshot(examples: Examples, codes: Codes, items: int) -> Snapshot:
    """Read examples of one cutoff at one level.

    Parameters
    ----------
    examples : Examples
        Of one cutoff; without labels where the window is still open.
    codes : int32 array, shape (products,)
        The item of each row of the product table; -1 = none.
    items : int
        Number of items.
    """
    histories = examples.customers.histories
    assert histories is not None  # the prediction reads them
    basket, window = (
        _items(examples.labels[name], histories.products, codes) for name in (col.NEXT_BASKET, col.WINDOW_PRODUCTS)
    )
    return Snapshot(events_of(histories, codes, items), basket, window, anonymous_of(histories, codes))


def _drawn(baskets: Sequence[Ints]) -> Iterator[Ints]:
    """Yield one item of each basket, none where it is the only one: nothing would be left to find it by."""
    places = np.random.default_rng(0).random(len(baskets))
    for basket, place in zip(baskets, places, strict=True):
        at = int(place * len(basket))
        yield basket[at : at + (len(basket) > 1)]


def _items(labels: NDArray[np.object_], products: pa.Table, codes: Codes) -> tuple[Ints, ...]:
    """Return each customer's products as items, each once and rising."""
    rows, bought = listed(products, labels)
    items = codes[bought].astype(np.int64)
    key = np.unique(np.column_stack([rows, items])[items >= 0], axis=0).reshape(-1, 2)
    return tuple(np.split(key[:, 1], np.searchsorted(key[:, 0], np.arange(1, len(labels)))))


@dataclass(frozen=True)
class Past:
    """A past cutoff whose window has closed.

    Parameters
    ----------
    day : date
        The cutoff.
    key : hashable
        Names the cutoff and its customers.
    read : callable
        Reads its snapshot.
    """

    day: date
    key: Hashable
    read: Callable[[], Snapshot]


@dataclass(frozen=True)
class Learnt:
    """What there is to learn from.

    Parameters
    ----------
    now : Snapshot
        Everybody at the limit; its labels may be there to be measured by and must not be learnt from.
    past : tuple of Past
        Newest first.
    kept : dict
        What fits on the same items keep for each other, by any key: later limits learn from many of the same cutoffs.
    """

    now: Snapshot
    past: tuple[Past, ...]
    kept: dict[Hashable, Any]


def past_cutoffs(examples: Examples, horizon: int) -> list[np.datetime64]:
    """Return the cutoffs to teach a ranker with, newest first: windows closed, hardly overlapping.

    Raises
    ------
    NotEnoughDataError
        No window has closed yet.
    """
    closed = np.unique(examples.customers.as_of[examples.observed_days >= horizon])[::-1]
    picked: list[np.datetime64] = []
    for day in closed:
        if not picked or (picked[-1] - day).astype(int) >= min(SPACING_DAYS, horizon):
            picked.append(day)
    if not picked:
        raise NotEnoughDataError(
            f"0 examples: no window of {horizon} days has closed, of {MIN_CUSTOMERS} customers at least; shorten the "
            "horizon, lower cutoffs.min_history_days, or bring more history"
        )
    return picked[:PAST_CUTOFFS]
