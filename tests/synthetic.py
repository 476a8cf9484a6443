"""Synthetic customers in the catalogue's shape, a store of them, and what happened to them next."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from models import columns as col
from models.features import catalogue, fingerprint
from models.prediction import Customers, Examples
from models.purchases import Histories, Purchases, nothing_bought, purchases_of
from models.settings import FeatureSettings
from models.store import Store, open_store, write_store

SETTINGS = FeatureSettings()
NAMES = tuple(feature.name for feature in catalogue(SETTINGS))
FINGERPRINT = fingerprint(SETTINGS)
AS_OF = date(2018, 1, 1)
CUTOFFS = (date(2017, 4, 2), date(2017, 5, 2), date(2017, 6, 1), date(2017, 7, 1), date(2017, 7, 31), date(2017, 8, 30))
LIMIT = date(2017, 12, 31)
GOODS = {
    "bread": "bakery", "broom": "tools", "brush": "care", "buns": "bakery", "butter": "dairy", "cake": "bakery",
    "cheese": "dairy", "hammer": "tools", "milk": "dairy", "nails": "tools", "razor": "care", "soap": "care",
}  # fmt: skip
"""Category of each product."""


def figures(count: int, *, seed: int, ordered: bool = False) -> np.ndarray:
    """Draw feature rows, shape (count, f); every tenth customer has never ordered, unless ``ordered``."""
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(0, 10, (count, len(NAMES))).astype(np.float32)
    drawn[rng.random(drawn.shape) < 0.05] = np.nan
    orders = rng.integers(1, 30, count)
    gap = rng.integers(3, 25, count)
    recency = np.ceil(gap * rng.exponential(1, count) + 0.5)
    plausible = {
        "orders": orders,
        "recency_days": recency,
        "tenure_days": recency + (orders - 1) * gap,
        "spend": (orders * rng.uniform(3, 40, count)).round(2),
        "gap_median_days": gap,
    }
    for name, values in plausible.items():
        drawn[:, NAMES.index(name)] = values
    if not ordered:
        drawn[::10, [NAMES.index(name) for name in plausible]] = np.nan
        drawn[::10, NAMES.index("orders")] = 0
    return drawn


def examples(
    per_cutoff: int = 400, *, cutoffs: Sequence[date] = CUTOFFS, limit: date = LIMIT, seed: int = 3
) -> Examples:
    """Customers who come back after about their usual gap, the later the longer they have been away, or never."""
    rng = np.random.default_rng(seed + 1)
    drawn = np.vstack([figures(per_cutoff, seed=seed + at) for at in range(len(cutoffs))])
    as_of = np.repeat(np.array(cutoffs, dtype="datetime64[D]"), per_cutoff)
    gap, recency = (drawn[:, NAMES.index(name)].astype(float) for name in ("gap_median_days", "recency_days"))
    away = recency / gap
    days = np.floor(rng.exponential(gap * (0.5 + away)))
    days[rng.random(len(days)) < away / 20] = np.nan
    ids = [f"c{number:04d}" for number in range(per_cutoff)] * len(cutoffs)
    bought = purchases(per_cutoff, seed=seed)
    histories = Histories(products(), bought, np.tile(np.arange(per_cutoff), len(cutoffs)), as_of)
    labels = {col.NEXT_ORDER_DAYS: days, **next_products(histories)}
    return Examples(Customers(ids, as_of, drawn, NAMES, histories), labels, limit)


def purchases(count: int, *, seed: int = 3, before: date = LIMIT) -> Purchases:
    """Draw 36 orders of one to three products in the year before a day; everybody has two favourites."""
    rng = np.random.default_rng(seed + 2)
    customers = np.repeat(np.arange(count), 36)
    ages = rng.integers(1, 366, len(customers))
    favourites = rng.integers(len(GOODS), size=(count, 2))
    first = favourites[customers, rng.integers(2, size=len(customers))]
    others = rng.integers(len(GOODS), size=(len(customers), 2))
    lines = [first, *(np.where(rng.random(len(customers)) < 0.3, others[:, at], first) for at in range(2))]
    newest = int(np.datetime64(before, "D").astype(np.int64))
    days = np.tile(newest - ages, len(lines))
    return purchases_of(
        np.tile(customers, len(lines)).tolist(), np.concatenate(lines).tolist(), days.tolist(), count=count
    )


def next_products(histories: Histories, *, horizon: int = 30) -> dict[str, np.ndarray]:
    """Return the labels that look forward from each history's as_of: the next basket, and all of the window."""
    names = np.array(histories.products[col.PRODUCT_ID].to_pylist(), object)
    basket, window = np.full(len(histories), None, object), np.full(len(histories), None, object)
    for position, (row, as_of) in enumerate(zip(histories.rows.tolist(), histories.as_of, strict=True)):
        span = histories.purchases.span(row)
        ahead = histories.purchases.days[span] - int(as_of.astype(np.int64))
        inside = (ahead >= 0) & (ahead < horizon)
        if inside.any():
            items = histories.purchases.items[span]
            basket[position] = names[np.unique(items[inside & (ahead == ahead[inside].min())])]
            window[position] = names[np.unique(items[inside])]
    return {col.NEXT_BASKET: basket, col.WINDOW_PRODUCTS: window}


def people(as_of: date = AS_OF, **columns: Sequence[float]) -> Customers:
    """Write customers by hand: the named features only, in the order given."""
    values = np.column_stack([np.array(column, np.float32) for column in columns.values()])
    ids = [f"c{number}" for number in range(len(values))]
    return Customers(ids, np.full(len(values), np.datetime64(as_of, "D")), values, tuple(columns))


def products() -> pa.Table:
    """Write twelve products of four categories."""
    return pa.table(
        {
            col.PRODUCT_ID: list(GOODS),
            col.NAME: [name.title() for name in GOODS],
            col.DEPARTMENT: ["food" if group in ("bakery", "dairy") else "home" for group in GOODS.values()],
            col.CATEGORY: list(GOODS.values()),
        }
    )


def store_of(folder: Path, ids: Sequence[str], features: np.ndarray, bought: Purchases | None = None) -> Store:
    """Write a store of these customers and open it; ids in any order, purchases in the rising one."""
    order = sorted(range(len(ids)), key=lambda row: ids[row].encode())
    columns = dict(zip(NAMES, features[order].T, strict=True))
    batch = pa.RecordBatch.from_pydict({col.CUSTOMER_ID: [ids[row] for row in order], **columns})
    write_store(
        folder, [batch], customers=len(ids), products=products(),
        purchases=bought or nothing_bought(len(ids)), as_of=AS_OF, names=NAMES,
        fingerprint=FINGERPRINT, settings=SETTINGS,
    )  # fmt: skip
    return open_store(folder)
