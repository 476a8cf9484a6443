"""What an answer of next-best-product costs, method by method, beside a store of a million invented customers.

Neighbour methods learn from a sample of customers, so that a call costs the same whatever the store holds.
"""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.invented import invented_store, whole_day
from models import columns as col
from models import prediction_named
from models.messages import ModelReference
from models.prediction import Customers, Examples, Prediction, Served
from models.purchases import Histories, Purchases
from models.store import Store

CUSTOMERS, FITTED_ON = 1_000_000, 24_000
PRODUCTS, CATEGORIES, BOUGHT, SPAN_DAYS = 1_000, 100, 20, 240
AS_OF, HORIZON, CUTOFFS = date(2018, 1, 1), 30, 2
CALLS, MANY = 20, 100
MODES = ("any", "new")


def run(*, progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure one id and a hundred, in the modes any and new; returns plain data."""
    prediction = prediction_named("next-best-product")
    with TemporaryDirectory() as folder:
        progress(f"a store of {CUSTOMERS:,} invented customers")
        store = shop(Path(folder), CUSTOMERS)
        examples = invented_examples(store, FITTED_ON)
        methods = {}
        for name in prediction.methods:
            progress(name)
            methods[name] = _calls(_served(prediction, name, examples, store))
    calls = [f"{mode}, {count} customer{'s' * (count > 1)}" for mode in MODES for count in (1, MANY)]
    return {"customers": CUSTOMERS, "items": PRODUCTS, "fitted_on": FITTED_ON, "calls": calls, "methods": methods}


def _served(prediction: Prediction, method: str, examples: Examples, store: Store) -> Served:
    return Served(
        prediction=prediction,
        fitted=prediction.fit(method, examples, horizon=HORIZON, seed=1),
        store=store,
        inline=None,  # type: ignore[arg-type]
        model=ModelReference(name=prediction.name, version="1", run_id="0" * 32),
        release="r000001",
        cut_points=np.empty(0),
        medians=np.empty(0, np.float32),
    )


def _calls(served: Served) -> dict[str, float]:
    """Return the median processor milliseconds of each call."""
    found = {}
    for mode in MODES:
        for count in (1, MANY):
            rng = np.random.default_rng(1)
            spent = []
            for _ in range(CALLS if count == 1 else 3):
                ids = served.store.ids_at(rng.choice(len(served.store), count, replace=False))
                asked = {"customers": ids, "mode": mode, "level": "product", "k": 10}
                request = served.prediction.request.model_validate(asked)
                started = process_time()
                served.prediction.answer(served, request)
                spent.append(1_000 * (process_time() - started))
            # the first call makes what all others use
            found[f"{mode}, {count} customer{'s' * (count > 1)}"] = median(spent[1:])
    return found


def shop(folder: Path, count: int) -> Store:
    """Write customers with purchases at random; a few products are bought much more than the others."""
    rng = np.random.default_rng(1)
    ids = [f"p{product:04d}" for product in range(PRODUCTS)]
    products = pa.table(
        {col.PRODUCT_ID: ids, col.CATEGORY: [f"c{product % CATEGORIES}" for product in range(PRODUCTS)]}
    )
    ages = np.sort(rng.integers(1, SPAN_DAYS, (count, BOUGHT), dtype=np.int32), axis=1)[:, ::-1]
    purchases = Purchases(
        np.arange(1, count + 1) * BOUGHT,
        (PRODUCTS * rng.random(count * BOUGHT) ** 2).astype(np.int32),
        (whole_day(AS_OF) - ages).ravel().astype(np.int32),
    )
    return invented_store(folder, count, products=products, purchases=purchases, as_of=AS_OF, rng=rng)


def invented_examples(store: Store, count: int) -> Examples:
    """Return the store's first customers as examples at two past cutoffs and now, with what they bought next."""
    rows = np.arange(count)
    days = [AS_OF - timedelta(HORIZON * back) for back in range(CUTOFFS, -1, -1)]
    as_of = np.repeat(np.array(days, dtype="datetime64[D]"), count)
    known = np.tile(rows, len(days))
    histories = store.histories_at(known, as_of)
    features = np.tile(store.features_at(rows), (len(days), 1))
    customers = Customers(store.ids_at(known), as_of, features, store.names, histories)
    return Examples(customers, _bought_next(histories), AS_OF)


def _bought_next(histories: Histories) -> dict[str, Any]:
    names = np.array(histories.products[col.PRODUCT_ID].to_pylist(), object)
    basket, window = np.full(len(histories), None, object), np.full(len(histories), None, object)
    for position, (row, as_of) in enumerate(zip(histories.rows.tolist(), histories.as_of, strict=True)):
        span = histories.purchases.span(row)
        ahead = histories.purchases.days[span] - int(as_of.astype(np.int64))
        inside = (ahead >= 0) & (ahead < HORIZON)
        if inside.any():
            items = histories.purchases.items[span]
            basket[position] = names[np.unique(items[inside & (ahead == ahead[inside].min())])]
            window[position] = names[np.unique(items[inside])]
    return {col.NEXT_BASKET: basket, col.WINDOW_PRODUCTS: window}
