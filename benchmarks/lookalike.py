"""Print the processor time of a lookalike query on a large store, beside the same on one of the sample's size.

Customers are invented::

    .venv/bin/python -m benchmarks.lookalike [--customers 1000000]

How well the hidden are found is measured by ``benchmarks/quality/lookalike.py``.
"""

from argparse import ArgumentParser
from datetime import date
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
from models.parts import seal, verify
from models.prediction import Examples, Served, nameless
from models.prepared import open_prepared, write_prepared
from models.purchases import Purchases
from models.store import Store

AS_OF, HORIZON = date(2017, 11, 1), 30
SAMPLE_CUSTOMERS = 2_469
INVENTED_PRODUCTS, INVENTED_CATEGORIES, INVENTED_PURCHASES = 1_000, 100, 10
QUERIES: dict[str, dict[str, Any]] = {
    "50 seeds": {"seeds": 50},
    "200 seeds": {"seeds": 200},
    "1,000 seeds": {"seeds": 1_000},
    "100,000 seeds": {"seeds": 100_000},
    "50 seeds, within a category": {"seeds": 50, "within": {"bought_category": "c7"}},
}
REPEATS = 3


def cost(customers: int) -> None:
    """Print the processor time of queries on a store of invented customers, beside one of the sample's size."""
    seconds = {}
    for count in (SAMPLE_CUSTOMERS, customers):
        with TemporaryDirectory() as folder:
            started = process_time()
            served = invented(Path(folder), count)
            print(f"{count:,} customers: published in {process_time() - started:.0f} s of processor time")
            seconds[count] = {name: asked(served, **query) for name, query in QUERIES.items()}
    print(f"\n| query | {SAMPLE_CUSTOMERS:,} customers, s | {customers:,}, s | ratio |\n| --- | --- | --- | --- |")
    for name in QUERIES:
        small, large = seconds[SAMPLE_CUSTOMERS][name], seconds[customers][name]
        print(f"| {name} | {small:.2f} | {large:.2f} | {large / small:.1f} |")


def asked(served: Served, *, seeds: int, **more: Any) -> float:
    """Return the median processor time of a query for 10,000 customers; seeds are drawn, at most half of everybody."""
    drawn = np.random.default_rng(1).choice(len(served.store), min(seeds, len(served.store) // 2), replace=False)
    prediction = served.prediction
    request = prediction.request.model_validate({"seeds": served.store.ids_at(drawn), "size": 10_000, **more})
    seconds = []
    for _ in range(REPEATS):
        started = process_time()
        prediction.answer(served, request)
        seconds.append(process_time() - started)
    return median(seconds)


def invented(folder: Path, count: int) -> Served:
    """Write a store of invented customers, fit on some of them, prepare, and open all of it as a service does."""
    store = shop(folder, count)
    prediction = prediction_named("lookalike")
    some = nameless(store, np.arange(min(count, 20_000)))
    fitted = prediction.fit("seed_logistic", Examples(some, {}, AS_OF), horizon=HORIZON, seed=1)
    part = folder / "prepared"
    part.mkdir()
    write_prepared(part, prediction, fitted, store)
    return Served(
        prediction=prediction,
        fitted=fitted,
        store=store,
        inline=None,  # type: ignore[arg-type]
        model=ModelReference(name="lookalike", version="1", run_id="0" * 32),
        release="r000001",
        cut_points=np.empty(0),
        medians=np.empty(0, np.float32),
        prepared=open_prepared(part, verify(part, seal(part)), prediction, fitted, store),
    )


def shop(folder: Path, count: int) -> Store:
    """Write customers with purchases at random; a tenth of their figures is null."""
    rng = np.random.default_rng(1)
    products = np.arange(INVENTED_PRODUCTS)
    table = pa.table(
        {
            col.PRODUCT_ID: np.sort(products.astype(str)),
            col.CATEGORY: [f"c{product % INVENTED_CATEGORIES}" for product in products],
        }
    )
    bought = count * INVENTED_PURCHASES
    purchases = Purchases(
        np.arange(1, count + 1) * INVENTED_PURCHASES,
        rng.integers(0, INVENTED_PRODUCTS, bought, dtype=np.int32),
        np.full(bought, whole_day(AS_OF) - 1, np.int32),
    )
    return invented_store(folder, count, products=table, purchases=purchases, as_of=AS_OF, rng=rng, missing=0.1)


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--customers", type=int, default=1_000_000, help="How many are invented; default: 1,000,000.")
    cost(parser.parse_args().customers)
