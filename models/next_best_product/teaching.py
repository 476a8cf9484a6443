"""From training examples to fitted levels and measurements."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np

from models import columns as col
from models.errors import NotEnoughDataError
from models.next_best_product.learning import MIN_CUSTOMERS, Learnt, Past, Snapshot, past_cutoffs, snapshot
from models.next_best_product.profiles import events_of, profiles_of
from models.next_best_product.recommender import ItemMethod, Level
from models.next_best_product.settings import NextBestProductSettings
from models.next_best_product.vocabulary import Vocabulary, grouping_of, kept, vocabulary_of
from models.prediction import Examples
from models.purchases import Purchases

MAX_ITEMS = 20_000
"""The items with the most buyers that are recommended at most."""
KEPT = 8
"""Cutoffs at one level, and items, that are remembered."""

Key = tuple[str, bytes]
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True)
class Known:
    """The items at one cutoff, and what everybody bought of them."""

    vocabulary: Vocabulary
    now: Snapshot


class Teaching:
    """Reads examples at each level; what several methods and tasks read is read once.

    Parameters
    ----------
    settings : NextBestProductSettings
        Which items there are.
    """

    def __init__(self, settings: NextBestProductSettings) -> None:
        self.settings = settings
        self._purchases: Purchases | None = None
        self._known: dict[Key, Known] = {}
        self._kept: dict[tuple[str, Vocabulary], dict[Hashable, Any]] = {}

    def level(
        self, name: str, method: ItemMethod, examples: Examples, *, horizon: int, seed: int, choices: Mapping[str, Any]
    ) -> Level:
        """Fit a method at one level.

        Raises
        ------
        NotEnoughDataError
            Too few customers bought a product, or no window has closed.
        """
        known = self.known(name, _newest(examples))
        count = int(known.now.profiles.known.sum())
        if count < MIN_CUSTOMERS:
            raise NotEnoughDataError(
                f"{count} customers with a known {name} in their orders, at least {MIN_CUSTOMERS} are needed: "
                f"map {col.PRODUCT_ID} of the order lines, lower predictions.next-best-product.min_buyers, or bring "
                "more history"
            )
        days = past_cutoffs(examples, horizon)
        past = tuple(_past(known.vocabulary, examples.take(examples.customers.as_of == day)) for day in days)
        learnt = Learnt(known.now, past, _bounded(self._kept, (name, known.vocabulary), dict))
        scorer = method.fit(learnt, seed=seed, choices=choices.get(name))
        return Level(known.vocabulary, known.now.statistics, known.now.rules, scorer)

    def can_teach(self, level: str, examples: Examples) -> bool:
        """Say whether enough customers bought an item of a level."""
        return int(self.known(level, _newest(examples)).now.profiles.known.sum()) >= MIN_CUSTOMERS

    def known(self, level: str, examples: Examples) -> Known:
        """Return the items at the examples' one cutoff, and what everybody bought of them."""
        histories = examples.customers.histories
        assert histories is not None  # the prediction reads them
        if histories.purchases is not self._purchases:
            # another history: nothing that was read before holds for it
            self._purchases = histories.purchases
            self._known.clear()
            self._kept.clear()
        key = (level, _key(examples))
        return _bounded(self._known, key, lambda: self._read(level, examples))

    def _read(self, level: str, examples: Examples) -> Known:
        vocabulary = self._vocabulary(level, examples)
        return Known(vocabulary, _seen(vocabulary, examples))

    def seen_with(self, vocabulary: Vocabulary, level: str, examples: Examples) -> Snapshot:
        """Return the examples of one cutoff as a fitted level sees them."""
        known = self.known(level, examples)
        if known.vocabulary == vocabulary:
            return known.now
        return _seen(vocabulary, examples)

    def _vocabulary(self, level: str, examples: Examples) -> Vocabulary:
        products, histories = _products(examples), examples.customers.histories
        assert histories is not None
        column = col.PRODUCT_ID if level == "product" else grouping_of(products, self.settings.category_column)
        every = vocabulary_of(products, column, self.settings.exclude_categories)
        events = events_of(histories, every.codes(products), len(every))
        buyers = np.bincount(profiles_of(events).item, minlength=len(every))
        # a category that nobody has bought yet stays: fits at several limits then have the same items
        least = self.settings.min_buyers if level == "product" else 0
        most = np.argsort(-buyers, kind="stable")[:MAX_ITEMS]
        wanted = np.zeros(len(every), bool)
        wanted[most] = buyers[most] >= least
        return kept(every, wanted)


def _past(vocabulary: Vocabulary, examples: Examples) -> Past:
    day = examples.customers.as_of[0].item()
    return Past(day, _key(examples), partial(_seen, vocabulary, examples))


def _seen(vocabulary: Vocabulary, examples: Examples) -> Snapshot:
    return snapshot(examples, vocabulary.codes(_products(examples)), len(vocabulary))


def _key(examples: Examples) -> bytes:
    histories = examples.customers.histories
    assert histories is not None  # the prediction reads them
    return histories.rows.tobytes() + histories.as_of.tobytes()


def _newest(examples: Examples) -> Examples:
    days = examples.customers.as_of
    return examples.take(days == days.max()) if len(days) else examples


def _products(examples: Examples) -> Any:
    assert examples.customers.histories is not None
    return examples.customers.histories.products


def _bounded(cache: dict[K, V], key: K, make: Callable[[], V]) -> V:
    """Return what is kept under a key, made where it is not; the oldest makes room."""
    if key not in cache:
        found = make()
        while len(cache) >= KEPT:
            del cache[next(iter(cache))]
        cache[key] = found
    return cache[key]
