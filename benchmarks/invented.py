"""A store of invented customers, to measure what answers cost beside many of them."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from models import columns as col
from models.features import catalogue, fingerprint
from models.purchases import Purchases
from models.settings import FeatureSettings
from models.store import Store, open_store, write_store


def invented_store(
    folder: Path,
    count: int,
    *,
    products: pa.Table,
    purchases: Purchases,
    as_of: date,
    rng: np.random.Generator,
    missing: float = 0.0,
) -> Store:
    """Write customers with figures at random, a share of which is missing, and open them.

    Parameters
    ----------
    folder : Path
        The store is written into it, as ``store``.
    count : int
        Customers; ``purchases`` has as many.
    products : Table
        What ``purchases`` are of.
    purchases : Purchases
    as_of : date
    rng : Generator
    missing : float
        Share of the figures that are null.
    """
    settings = FeatureSettings()
    names = [feature.name for feature in catalogue(settings)]
    (folder / "store").mkdir()
    write_store(
        folder / "store", _figures(names, count, rng, missing), customers=count, products=products,
        purchases=purchases, as_of=as_of, names=names, fingerprint=fingerprint(settings), settings=settings,
    )  # fmt: skip
    return open_store(folder / "store")


def whole_day(day: date) -> int:
    """Return a day as purchases have it: days since 1970-01-01."""
    return int(np.datetime64(day, "D").astype(np.int64))


def _figures(names: list[str], count: int, rng: np.random.Generator, missing: float) -> Iterator[pa.RecordBatch]:
    for start in range(0, count, 50_000):
        rows = range(start, min(start + 50_000, count))
        drawn = rng.exponential(20, (len(names), len(rows))).astype(np.float32) + 1
        if missing:
            drawn[rng.random(drawn.shape) < missing] = np.nan
        yield pa.RecordBatch.from_pydict(
            {col.CUSTOMER_ID: [f"{row:08d}" for row in rows], **dict(zip(names, drawn, strict=True))}
        )
