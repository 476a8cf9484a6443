"""The training frame: customers at past cutoffs with their features and what happened next."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from ibis.expr import types as ir
from numpy.typing import NDArray

from models import columns as col
from models.engines import Engine
from models.features import catalogue, features
from models.inline import finite
from models.orders import is_return
from models.prediction import Customers, Examples, Prediction
from models.purchases import AnonymousSales, Channels, Histories, Purchases, channels_of
from models.settings import FeatureSettings

_KNOWN_SINCE: Mapping[str, str] = {
    col.ORDER_LINES: col.ORDER_DAY,
    col.CUSTOMERS: col.JOINED_DAY,
    col.CONTACTS: col.SENT_DAY,
    col.EVENTS: col.OCCURRED_DAY,
}


def population(tables: Mapping[str, ir.Table], as_of: date) -> ir.Table:
    """Return everybody who is known before ``as_of`` from any table: (customer_id), unique.

    A row of the customers table without a joining day counts as known.
    """
    known = [
        table.filter(table[day].isnull() | (table[day] < as_of)).select(col.CUSTOMER_ID)
        for table, day in ((tables[name], day) for name, day in _KNOWN_SINCE.items())
    ]
    everyone = known[0]
    for more in known[1:]:
        everyone = everyone.union(more)
    return everyone.distinct()


def spine_of_everyone(engine: Engine, as_of: date) -> ir.Table:
    """Return the spine of a store: everybody who is known before ``as_of``, at ``as_of``."""
    everyone = population(engine.tables, as_of)
    return everyone.mutate(**{col.AS_OF: ibis.literal(as_of).cast("date")})


def assortment(engine: Engine) -> pa.Table:
    """Return every product that is known or was bought, in rising order of its id."""
    known, lines = engine.tables[col.PRODUCTS], engine.tables[col.ORDER_LINES]
    bought = lines.filter(lines[col.PRODUCT_ID].notnull()).select(col.PRODUCT_ID)
    every = known.select(col.PRODUCT_ID).union(bought, distinct=True)
    details = [name for name in known.columns if name != col.PRODUCT_ID]
    joined = every.left_join(known, col.PRODUCT_ID).select(every[col.PRODUCT_ID], *(known[name] for name in details))
    return joined.order_by(col.PRODUCT_ID).to_pyarrow()


def purchases(engine: Engine, ids: Sequence[str], products: pa.Table, before: date) -> Purchases:
    """Return what customers bought before a day, in the order of ``ids``, which rises.

    Parameters
    ----------
    engine : Engine
        Holds the tables.
    ids : sequence of str
        Customers, in rising order.
    products : pyarrow Table
        From ``assortment``.
    before : date
        Later purchases are left out.
    """
    lines = engine.tables[col.ORDER_LINES]
    bought = lines.filter((lines[col.ORDER_DAY] < before) & lines[col.PRODUCT_ID].notnull() & ~is_return(lines))
    keys = [col.CUSTOMER_ID, col.ORDER_DAY, col.PRODUCT_ID]
    rows = bought.select(*keys).distinct().order_by(keys).to_pyarrow()
    customers = pc.index_in(rows[col.CUSTOMER_ID], pa.array(ids, pa.string()))
    rows, customers = rows.filter(customers.is_valid()), customers.drop_null()
    items = pc.index_in(rows[col.PRODUCT_ID], products[col.PRODUCT_ID].combine_chunks())
    days = rows[col.ORDER_DAY].cast(pa.int32()).to_numpy()
    ends = np.searchsorted(customers.to_numpy(), np.arange(len(ids)), side="right").astype(np.int64)
    return Purchases(ends, items.to_numpy().astype(np.int32), days)


def channels(engine: Engine, ids: Sequence[str], before: date) -> Channels:
    """Return through which channels customers ordered before a day, in the order of ``ids``; returns are no orders."""
    lines = engine.tables[col.ORDER_LINES]
    ordered = lines.filter((lines[col.ORDER_DAY] < before) & lines[col.CHANNEL].notnull() & ~is_return(lines))
    rows = ordered.select(col.CUSTOMER_ID, col.CHANNEL).distinct().to_pyarrow()
    customers = pc.index_in(rows[col.CUSTOMER_ID], pa.array(ids, pa.string()))
    names = rows[col.CHANNEL].filter(customers.is_valid())
    return channels_of(customers.drop_null().to_numpy(), names.to_pylist(), count=len(ids))


def anonymous_sales(kept: Path, products: pa.Table, before: date, *, weight: float = 1.0) -> AnonymousSales | None:
    """Return the order lines without a customer that count in popularity; None = there are none.

    Parameters
    ----------
    kept : Path
        Intake's file of them: (product_id, order_day, lines).
    products : pyarrow Table
        From ``assortment``; lines of other products are left out.
    before : date
        Later lines are left out.
    weight : float
        How much a line counts: the share of the customers who are there to be counted beside it.
    """
    rows = pq.read_table(kept, filters=pc.field(col.ORDER_DAY) < before)
    items = pc.index_in(rows[col.PRODUCT_ID], products[col.PRODUCT_ID].combine_chunks())
    rows, items = rows.filter(items.is_valid()), items.drop_null()
    if not rows.num_rows:
        return None
    days = rows[col.ORDER_DAY].cast(pa.int32()).to_numpy()
    return AnonymousSales(items.to_numpy().astype(np.int32), days, rows[col.LINES].to_numpy() * weight)


def histories(
    engine: Engine, customers: Customers, limit: date, *, anonymous: Path | None = None, weight: float = 1.0
) -> Histories:
    """Return what customers bought, each as known at its as_of; ``anonymous_sales`` explains what comes beside it."""
    products = assortment(engine)
    ids = sorted(set(customers.ids), key=str.encode)
    position = {customer: row for row, customer in enumerate(ids)}
    rows = np.fromiter((position[customer] for customer in customers.ids), np.int64, len(customers))
    nobodys = None if anonymous is None else anonymous_sales(anonymous, products, limit, weight=weight)
    return Histories(products, purchases(engine, ids, products, limit), rows, customers.as_of, nobodys)


def training_frame(
    engine: Engine,
    prediction: Prediction,
    cutoffs: Sequence[date],
    *,
    limit: date,
    max_examples: int,
    seed: int,
    anonymous: Path | None = None,
) -> Examples:
    """Compute features and labels of customers at cutoffs.

    Parameters
    ----------
    engine : Engine
        Holds the tables.
    prediction : Prediction
        States the labels.
    cutoffs : sequence of date
        Local midnights.
    limit : date
        Midnight after the last complete day of the data.
    max_examples : int
        Where everybody at every cutoff would be more rows, customers are drawn.
    seed : int
        Seed of that draw.
    anonymous : Path, optional
        Intake's file of sales without a customer, where the prediction reads histories.

    Returns
    -------
    models.prediction.Examples
        In the order of cutoff and customer id.
    """
    drawn, share = _drawn(engine, limit, max(1, max_examples // len(cutoffs)), seed)
    spine = engine.spine(_spine(drawn, cutoffs))
    keys = [col.AS_OF, col.CUSTOMER_ID]
    known = features(engine.tables, spine, prediction.features).order_by(keys).to_pyarrow()
    later = prediction.labels(engine.tables, spine).order_by(keys).to_pyarrow()
    customers = as_customers(known, prediction.features)
    if prediction.reads_histories:
        bought = histories(engine, customers, limit, anonymous=anonymous, weight=share)
        customers = replace(customers, histories=bought)
    labels = {
        name: later.column(name).to_numpy(zero_copy_only=False) for name in later.column_names if name not in keys
    }
    return Examples(customers, labels, limit)


def as_customers(table: pa.Table, settings: FeatureSettings) -> Customers:
    """Return computed features as customers, in the table's order."""
    names = tuple(feature.name for feature in catalogue(settings))
    matrix = np.empty((table.num_rows, len(names)), np.float32)
    for position, name in enumerate(names):
        matrix[:, position] = finite(table.column(name).to_numpy(zero_copy_only=False))
    as_of = table.column(col.AS_OF).to_numpy(zero_copy_only=False).astype("datetime64[D]")
    return Customers(table.column(col.CUSTOMER_ID).to_pylist(), as_of, matrix, names)


def _drawn(engine: Engine, limit: date, room: int, seed: int) -> tuple[NDArray[np.str_], float]:
    """Return at most so many customers, and the share of all that they are."""
    ids = np.array(population(engine.tables, limit).order_by(col.CUSTOMER_ID).to_pyarrow()[col.CUSTOMER_ID].to_pylist())
    if len(ids) <= room:
        return ids, 1.0
    return np.sort(np.random.default_rng(seed).choice(ids, room, replace=False)), room / len(ids)


def _spine(ids: NDArray[np.str_], cutoffs: Sequence[date]) -> pa.Table:
    days = np.array(cutoffs, dtype="datetime64[D]")
    return pa.table({col.CUSTOMER_ID: pa.array(np.tile(ids, len(days))), col.AS_OF: np.repeat(days, len(ids))})
