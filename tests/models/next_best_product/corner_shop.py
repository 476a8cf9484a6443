"""A corner shop of five products in three categories, small enough to work everything out by hand."""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from models import columns as col
from models.next_best_product.profiles import Events, unique_events
from models.prediction import Customers, Examples
from models.purchases import Histories, purchases_of
from models.settings import FeatureSettings

AS_OF = date(2018, 1, 1)
IDS = ("apple", "bread", "coal", "diesel", "eggs")
GROUPS = ("fruit", "bakery", None, "fuel", "bakery")
Bought = Mapping[int, Sequence[tuple[str, int]]]


def products() -> pa.Table:
    """Return the products: coal has no category."""
    return pa.table(
        {
            col.PRODUCT_ID: list(IDS),
            col.NAME: [each.title() for each in IDS],
            col.DEPARTMENT: ["food", "food", "home", "car", "food"],
            col.CATEGORY: list(GROUPS),
            col.SUBCATEGORY: pa.array(list(GROUPS), pa.string()),
            col.BRAND: ["ours", "ours", "theirs", "theirs", "ours"],
        }
    )


def histories(bought: Bought, count: int) -> Histories:
    """Return purchases by customer: (product, age in days)."""
    now = int(np.datetime64(AS_OF, "D").astype(np.int64))
    rows = [(row, IDS.index(product), now - age) for row, lines in bought.items() for product, age in lines]
    customers, items, days = (list(each) for each in zip(*rows, strict=True)) if rows else ([], [], [])
    as_of = np.full(count, np.datetime64(AS_OF, "D"))
    return Histories(products(), purchases_of(customers, items, days, count=count), np.arange(count), as_of)


def events(lines: Sequence[tuple[int, int, int]], *, customers: int, items: int) -> Events:
    """Return events from (customer, item, age)."""
    row, item, age = (np.array(each, np.int64) for each in zip(*lines, strict=True))
    return unique_events(row, item, age, customers, items)


def regulars(count: int = 200, *, cutoffs: int = 6, seed: int = 1) -> Examples:
    """Return customers who buy one favourite product every ten days, and another one now and then."""
    rng = np.random.default_rng(seed)
    limit = np.datetime64(AS_OF, "D")
    now = int(limit.astype(np.int64))
    lines = []
    for customer in range(count):
        for day in range(now - 300 + customer % 10, now, 10):
            lines.append((customer, customer % len(IDS), day))
            if rng.random() < 0.4:
                lines.append((customer, int(rng.integers(len(IDS))), day))
    customers, items, days = (list(each) for each in zip(*lines, strict=True))
    bought = purchases_of(customers, items, days, count=count)
    as_of = np.repeat([limit - np.timedelta64(30 * back, "D") for back in range(cutoffs)][::-1], count)
    rows = np.tile(np.arange(count), cutoffs)
    labels = [_later(bought.items[bought.span(row)], bought.days[bought.span(row)], day) for row, day in zip(rows, as_of, strict=True)]
    known = Customers(
        [str(row) for row in rows], as_of, np.ones((len(rows), 1), np.float32), ("orders",),
        Histories(products(), bought, rows, as_of),
    )  # fmt: skip
    return Examples(
        known, {col.NEXT_BASKET: _column(labels, 0), col.WINDOW_PRODUCTS: _column(labels, 1)}, AS_OF
    )


def _later(items: np.ndarray, days: np.ndarray, as_of: np.datetime64) -> tuple[np.ndarray, np.ndarray] | None:
    ages = days - int(as_of.astype(np.int64))
    inside = (ages >= 0) & (ages < 30)
    if not inside.any():
        return None
    first = inside & (ages == ages[inside].min())
    names = np.array(IDS, object)
    return names[np.unique(items[first])], names[np.unique(items[inside])]


def _column(labels: Sequence[tuple[np.ndarray, np.ndarray] | None], part: int) -> np.ndarray:
    column = np.empty(len(labels), object)
    for row, each in enumerate(labels):
        column[row] = None if each is None else each[part]
    return column


SETTINGS = FeatureSettings()
