"""A store whose right answer is known by construction: even customers buy soap, odd ones bread."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pyarrow as pa

from models import columns as col
from models import prediction_from
from models.features import catalogue, fingerprint
from models.messages import ModelReference
from models.prediction import Customers, Examples, Served
from models.prepared import prepared_in_memory
from models.purchases import Channels, nothing_bought, purchases_of
from models.settings import FeatureSettings
from models.store import Store, open_store, write_store
from tests.synthetic import AS_OF, LIMIT

PEOPLE = 300


def served_shop(
    folder: Path,
    method: str,
    *,
    rich_seeds: bool = False,
    products: bool = True,
    channels: Channels | None = None,
    settings: FeatureSettings | None = None,
    strangers: int = 1,
) -> Served:
    """Fit a method on the shop's own customers and serve them; the last ``strangers`` of them never ordered."""
    settings = settings or FeatureSettings()
    names = tuple(feature.name for feature in catalogue(settings))
    drawn = _features(names, rich_seeds, strangers)
    store = _store(folder, drawn, names, settings, products=products, channels=channels, strangers=strangers)
    rows = np.arange(PEOPLE)
    as_of = np.full(PEOPLE, np.datetime64(AS_OF, "D"))
    customers = Customers(store.ids_at(rows), as_of, store.features_at(rows), names, store.histories_at(rows, as_of))
    prediction = prediction_from("lookalike", settings, {"dimensions": 8})
    fitted = prediction.fit(method, Examples(customers, {}, LIMIT), horizon=30, seed=1)
    return Served(
        prediction=prediction,
        fitted=fitted,
        store=store,
        inline=Mock(),
        model=ModelReference(name="lookalike", version="2", run_id="a" * 32),
        release="r000001",
        cut_points=prediction.cut_points(fitted, store),
        medians=np.zeros(len(names), np.float32),
        prepared=prepared_in_memory(prediction, fitted, store),
    )


def _features(names: Sequence[str], rich_seeds: bool, strangers: int) -> np.ndarray:
    """Noise; where ``rich_seeds`` the even customers spend more. Of the last ones nothing is known."""
    rng = np.random.default_rng(4)
    drawn = rng.uniform(1, 10, (PEOPLE, len(names))).astype(np.float32)
    for position, name in enumerate(names):
        if name.startswith("attribute_"):
            drawn[:, position] = rng.integers(0, 2, PEOPLE)
        if rich_seeds and name.startswith("spend"):
            drawn[0::2, position] *= 4
    drawn[-strangers:] = np.nan
    return drawn


def _store(folder: Path, features: np.ndarray, names: Sequence[str], settings: FeatureSettings, **more: Any) -> Store:
    bought = nothing_bought(PEOPLE)
    table = pa.table({name: pa.array([], pa.string()) for name in (col.PRODUCT_ID, col.DEPARTMENT, col.CATEGORY)})
    if more["products"]:
        table = pa.table(
            {col.PRODUCT_ID: ["bread", "soap"], col.DEPARTMENT: ["food", "home"], col.CATEGORY: ["bakery", "care"]}
        )
        # a single stranger has bought, and the sale is not in the features
        buyers = PEOPLE if more["strangers"] == 1 else PEOPLE - more["strangers"]
        customers = np.repeat(np.arange(buyers), 3)
        items = np.where(customers % 2 == 0, 1, 0)
        bought = purchases_of(customers.tolist(), items.tolist(), np.tile([1, 2, 3], buyers).tolist(), count=PEOPLE)
    ids = [f"{number:03d}" for number in range(PEOPLE)]
    batch = pa.RecordBatch.from_pydict({col.CUSTOMER_ID: ids, **dict(zip(names, features.T, strict=True))})
    write_store(
        folder, [batch], customers=PEOPLE, products=table, purchases=bought, channels=more["channels"],
        as_of=AS_OF, names=names, fingerprint=fingerprint(settings), settings=settings,
    )  # fmt: skip
    return open_store(folder)
