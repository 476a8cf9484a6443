"""From training examples to fitted levels and measurements."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from models import columns as col
from models.errors import NotEnoughDataError
from models.next_best_product.learning import MIN_CUSTOMERS, Learnt, Snapshot, past_cutoffs, snapshot
from models.next_best_product.profiles import events_of, profiles_of
from models.next_best_product.recommender import ItemMethod, Level
from models.next_best_product.settings import NextBestProductSettings
from models.next_best_product.vocabulary import Vocabulary, grouping_of, kept, vocabulary_of
from models.prediction import Examples

MAX_ITEMS = 20_000
"""The items with the most buyers that are recommended at most."""
MANY_ITEMS = 5_000
"""Among more items each past cutoff teaches more and costs more: two do."""
KEPT_SNAPSHOTS = 4

Key = tuple[str, int, bytes]


@dataclass(frozen=True)
class Known:
    """The items at one cutoff, and what everybody bought of them."""

    vocabulary: Vocabulary
    now: Snapshot
    owner: object
    """Keeps what the cache's key names alive."""


class Teaching:
    """Reads examples at each level; what several methods and tasks read is read once.

    Parameters
    ----------
    settings : NextBestProductSettings
        Which items there are.
    """

    def __init__(self, settings: NextBestProductSettings) -> None:
        self.settings = settings
        self._known: dict[Key, Known] = {}

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
        days = past_cutoffs(examples, horizon)[: 2 if len(known.vocabulary) > MANY_ITEMS else None]
        codes = known.vocabulary.codes(_products(examples))
        rows = (examples.take(examples.customers.as_of == day) for day in days)
        past = partial(map, lambda at: snapshot(at, codes, len(known.vocabulary)), rows)
        scorer = method.fit(Learnt(known.now, past), known.now.rules, seed=seed, choices=choices.get(name))
        return Level(known.vocabulary, known.now.statistics, known.now.rules, scorer)

    def known(self, level: str, examples: Examples) -> Known:
        """Return the items at the examples' one cutoff, and what everybody bought of them."""
        histories = examples.customers.histories
        assert histories is not None  # the prediction reads them
        key = (level, id(histories.purchases), histories.rows.tobytes() + histories.as_of.tobytes())
        if key not in self._known:
            vocabulary = self._vocabulary(level, examples)
            now = snapshot(examples, vocabulary.codes(histories.products), len(vocabulary))
            while len(self._known) >= KEPT_SNAPSHOTS:
                del self._known[next(iter(self._known))]
            self._known[key] = Known(vocabulary, now, histories.purchases)
        return self._known[key]

    def seen_with(self, vocabulary: Vocabulary, level: str, examples: Examples) -> Snapshot:
        """Return the examples of one cutoff as a fitted level sees them."""
        known = self.known(level, examples)
        if known.vocabulary == vocabulary:
            return known.now
        return snapshot(examples, vocabulary.codes(_products(examples)), len(vocabulary))

    def _vocabulary(self, level: str, examples: Examples) -> Vocabulary:
        products, histories = _products(examples), examples.customers.histories
        assert histories is not None
        column = col.PRODUCT_ID if level == "product" else grouping_of(products, self.settings.category_column)
        every = vocabulary_of(products, column, self.settings.exclude_categories)
        events = events_of(histories, every.codes(products), len(every))
        buyers = np.bincount(profiles_of(events).item, minlength=len(every))
        least = self.settings.min_buyers if level == "product" else 1
        most = np.argsort(-buyers, kind="stable")[:MAX_ITEMS]
        wanted = np.zeros(len(every), bool)
        wanted[most] = buyers[most] >= least
        return kept(every, wanted)


def _newest(examples: Examples) -> Examples:
    days = examples.customers.as_of
    return examples.take(days == days.max()) if len(days) else examples


def _products(examples: Examples) -> Any:
    assert examples.customers.histories is not None
    return examples.customers.histories.products
