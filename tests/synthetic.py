"""Synthetic customers in the catalogue's shape, a store of them, and what happened to them next."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from models import columns as col
from models.features import catalogue, fingerprint
from models.prediction import Customers, Examples
from models.purchases import nothing_bought
from models.settings import FeatureSettings
from models.store import Store, open_store, write_store

SETTINGS = FeatureSettings()
NAMES = tuple(feature.name for feature in catalogue(SETTINGS))
FINGERPRINT = fingerprint(SETTINGS)
AS_OF = date(2018, 1, 1)
CUTOFFS = (date(2017, 4, 2), date(2017, 5, 2), date(2017, 6, 1), date(2017, 7, 1), date(2017, 7, 31), date(2017, 8, 30))
LIMIT = date(2017, 12, 31)


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
    return Examples(Customers(ids, as_of, drawn, NAMES), {col.NEXT_ORDER_DAYS: days}, limit)


def people(as_of: date = AS_OF, **columns: Sequence[float]) -> Customers:
    """Write customers by hand: the named features only, in the order given."""
    values = np.column_stack([np.array(column, np.float32) for column in columns.values()])
    ids = [f"c{number}" for number in range(len(values))]
    return Customers(ids, np.full(len(values), np.datetime64(as_of, "D")), values, tuple(columns))


def products() -> pa.Table:
    """Write two products."""
    return pa.table(
        {
            col.PRODUCT_ID: ["bread", "soap"],
            col.DEPARTMENT: ["food", "home"],
            col.CATEGORY: ["bakery", "care"],
        }
    )


def store_of(folder: Path, ids: Sequence[str], features: np.ndarray) -> Store:
    """Write a store of these customers and open it; ids in any order."""
    order = sorted(range(len(ids)), key=lambda row: ids[row].encode())
    columns = dict(zip(NAMES, features[order].T, strict=True))
    batch = pa.RecordBatch.from_pydict({col.CUSTOMER_ID: [ids[row] for row in order], **columns})
    write_store(
        folder, [batch], customers=len(ids), products=products(),
        purchases=nothing_bought(len(ids)), as_of=AS_OF, names=NAMES,
        fingerprint=FINGERPRINT, settings=SETTINGS,
    )  # fmt: skip
    return open_store(folder)
