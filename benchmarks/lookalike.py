"""Print how lookalike finds the hidden buyers of the published queries, beside its rivals and the published figures.

Run after ``foresell check`` on Complete Journey::

    .venv/bin/python benchmarks/lookalike.py [WORKSPACE]

A query: of those who bought a category in the 30 days from 2017-11-01, some are the seeds and the others are hidden
among all customers with an order in the 180 days before (NEW: among those of them who had never bought it). The seeds
are ``default_rng(1000 * sum of the name's code points + seeds).choice(sorted buyers, seeds, replace=False)``; they are
left out of the ranking. The settings were chosen on other queries at earlier cutoffs; these figures were seen
meanwhile.

The processor time of a query on a large store, beside the same on one of the sample's size; customers are invented::

    .venv/bin/python benchmarks/lookalike.py --customers 1000000
"""

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import ibis
import numpy as np
import pyarrow as pa

from models import columns as col
from models import prediction_named
from models.engines import open_duckdb
from models.features import catalogue, features, fingerprint
from models.lookalike.audience import CURVE_SHARES
from models.lookalike.audience import ranked as ranked_by
from models.lookalike.fitted import FittedLookalike
from models.lookalike.queries import Query, measured, window_buyers
from models.lookalike.space import Points
from models.messages import ModelReference
from models.parts import seal, verify
from models.prediction import Examples, Served, nameless
from models.prepared import open_prepared, write_prepared
from models.purchases import Purchases
from models.settings import FeatureSettings, Settings, load_settings
from models.store import Store, open_store, write_store
from training.frame import as_customers, histories, population

AS_OF, LIMIT, ACTIVE_DAYS, HORIZON = date(2017, 11, 1), date(2017, 12, 1), 180, 30
OFTEN = ("BACON", "CITRUS", "DELI MEATS", "TOMATOES")
BUYERS = (*OFTEN, "BROOMS AND MOPS", "FROZEN MEAT", "FRZN NOVELTIES/WTR ICE", "PEPPERS-ALL", "REFRIGERATED",
          "SPRING/SUMMER SEASONAL")  # fmt: skip
NEW = ("TURKEY", "FROZEN PIE/DESSERTS", "CHRISTMAS  SEASONAL", "BAKING NEEDS", "CANNED MILK", "DRY SAUCES/GRAVY",
       "FLOUR & MEALS", "FRUIT - SHELF STABLE")  # fmt: skip


@dataclass(frozen=True)
class Group:
    """Queries of one kind, with the published mean AUC: spend rank, centroid, logistic regression."""

    title: str
    names: tuple[str, ...]
    seeds: int
    new: bool
    published: tuple[float, float, float]


GROUPS = (
    Group("category buyers, 50 seeds", BUYERS, 50, False, (0.733, 0.741, 0.762)),
    Group("category buyers, 200 seeds", OFTEN, 200, False, (0.752, 0.755, 0.788)),
    Group("NEW buyers of a category, 50 seeds", NEW, 50, True, (0.695, 0.639, 0.711)),
)


SAMPLE_CUSTOMERS = 2_469
INVENTED_PRODUCTS, INVENTED_CATEGORIES, INVENTED_PURCHASES = 1_000, 100, 10
QUERIES: dict[str, dict[str, Any]] = {
    "50 seeds": {"seeds": 50},
    "1,000 seeds": {"seeds": 1_000},
    "100,000 seeds": {"seeds": 100_000},
    "50 seeds, within a category": {"seeds": 50, "within": {"bought_category": "c7"}},
}
REPEATS = 3


def main(workspace: Path) -> None:
    """Print the table, the curves and the cost of a query."""
    settings = load_settings(workspace)
    examples = frame(settings)
    prediction = prediction_named("lookalike", settings.models)
    methods = {name: prediction.fit(name, examples, horizon=HORIZON, seed=1) for name in prediction.methods}
    everybody = methods["seed_logistic"].space.points(examples.customers)  # type: ignore[attr-defined]
    print("| queries | method | mean AUC | published | recall in the first 10 % |\n| --- | --- | --- | --- | --- |")
    for group in GROUPS:
        queries = drawn(examples, group)
        for name, published in zip(("spend_rank", "centroid", "seed_logistic"), group.published, strict=True):
            fitted = methods[name]
            assert isinstance(fitted, FittedLookalike)
            found = measured(fitted, everybody, queries).metrics()
            print(f"| {group.title} ({len(queries)}) | {name} | {found['auc']:.3f} | {published:.3f} | "
                  f"{found['recall_at_10pct']:.3f} |")  # fmt: skip
    ours = methods["seed_logistic"]
    assert isinstance(ours, FittedLookalike)
    for group in GROUPS:
        curves(ours, everybody, drawn(examples, group), group.title)


def frame(settings: Settings) -> Examples:
    """Compute everybody known at the cutoff, what they had bought, and what they bought next."""
    prediction = prediction_named("lookalike", settings.models)
    keys = [col.AS_OF, col.CUSTOMER_ID]
    with open_duckdb(settings.tables) as engine:
        people = population(engine.tables, AS_OF).mutate(**{col.AS_OF: ibis.literal(AS_OF).cast("date")})
        spine = engine.spine(people.to_pyarrow())
        known = features(engine.tables, spine, settings.features).order_by(keys).to_pyarrow()
        later = prediction.labels(engine.tables, spine).order_by(keys).to_pyarrow()
        customers = as_customers(known, settings.features)
        customers = replace(customers, histories=histories(engine, customers, AS_OF))
    labels = {name: later[name].to_numpy(zero_copy_only=False) for name in later.column_names if name not in keys}
    return Examples(customers, labels, LIMIT)


def drawn(examples: Examples, group: Group) -> list[Query]:
    """Draw a group's queries by the published rule; rows are in the order of the ids."""
    names, later, before = window_buyers(examples, col.CATEGORY)
    active = examples.customers.column("recency_days") <= ACTIVE_DAYS
    queries = []
    for name in group.names:
        at = names.index(name)
        universe = active & ~before[:, at] if group.new else active
        buyers = np.flatnonzero(later[:, at] & universe)
        seeds = np.random.default_rng(1000 * sum(map(ord, name)) + group.seeds).choice(
            buyers, group.seeds, replace=False
        )
        pool = np.setdiff1d(np.flatnonzero(universe), seeds)
        queries.append(Query(name, np.sort(seeds), pool, later[pool, at]))
    return queries


def curves(fitted: FittedLookalike, everybody: Points, queries: list[Query], title: str) -> None:
    """Print the recall that cross-validation on the seeds expects beside the one among the hidden, and the cost."""
    expected, true, spend, seconds = [], [], [], 0.0
    for query in queries:
        started = process_time()
        ranked = ranked_by(
            fitted, everybody.take(query.seeds), everybody.take(fitted.drawn_from(query.pool)), everybody
        )
        sizes = [max(1, round(len(query.pool) * share)) for share in CURVE_SHARES]
        points = ranked.quality(query.seeds, query.pool, sizes)
        seconds += process_time() - started
        order = query.pool[np.argsort(-ranked.scores[query.pool], kind="stable")]
        caught = np.cumsum(np.isin(order, query.pool[query.hidden]))
        true.append([caught[size - 1] / caught[-1] for size in sizes])
        expected.append([point.expected_recall for point in points])
        spend.append([point.spend_rank_recall for point in points])
    print(f"\n{title}: {seconds / len(queries):.2f} processor seconds a query with its curve")
    print(
        f"| audience | {' | '.join(f'{share:.0%}' for share in CURVE_SHARES)} |\n| --- |{' --- |' * len(CURVE_SHARES)}"
    )
    for name, rows in (("expected recall", expected), ("true recall", true), ("expected of the spend rank", spend)):
        print(f"| {name} | {' | '.join(f'{value:.3f}' for value in np.mean(rows, axis=0))} |")


# -- cost


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
    store = invented_store(folder, count)
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


def invented_store(folder: Path, count: int) -> Store:
    """Write customers with figures and purchases at random."""
    settings, rng = FeatureSettings(), np.random.default_rng(1)
    names = [feature.name for feature in catalogue(settings)]
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
        np.full(bought, int(np.datetime64(AS_OF, "D").astype(np.int64)) - 1, np.int32),
    )
    (folder / "store").mkdir()
    write_store(
        folder / "store", invented_figures(names, count, rng), customers=count, products=table, purchases=purchases,
        as_of=AS_OF, names=names, fingerprint=fingerprint(settings), settings=settings,
    )  # fmt: skip
    return open_store(folder / "store")


def invented_figures(names: list[str], count: int, rng: np.random.Generator) -> Iterator[pa.RecordBatch]:
    """Yield feature rows, a tenth of them null."""
    for start in range(0, count, 50_000):
        rows = range(start, min(start + 50_000, count))
        drawn = rng.exponential(20, (len(names), len(rows))).astype(np.float32)
        drawn[rng.random(drawn.shape) < 0.1] = np.nan
        ids = [f"{row:08d}" for row in rows]
        yield pa.RecordBatch.from_pydict({col.CUSTOMER_ID: ids, **dict(zip(names, drawn, strict=True))})


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("workspace", nargs="?", type=Path, default=Path())
    parser.add_argument("--customers", type=int, help="Print the cost of a query on so many invented customers.")
    options = parser.parse_args()
    cost(options.customers) if options.customers else main(options.workspace)
