"""The training frame: customers at past cutoffs with their features and what happened next."""

from collections.abc import Mapping, Sequence
from datetime import date

import ibis
import numpy as np
import pyarrow as pa
from ibis.expr import types as ir

from models import columns as col
from models.engines import Engine
from models.features import catalogue, features
from models.prediction import Customers, Examples, Prediction
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


def training_frame(
    engine: Engine, prediction: Prediction, cutoffs: Sequence[date], *, limit: date, max_examples: int, seed: int
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

    Returns
    -------
    models.prediction.Examples
        In the order of cutoff and customer id.
    """
    spine = engine.spine(_spine(engine, cutoffs, limit, max_examples, seed))
    keys = [col.AS_OF, col.CUSTOMER_ID]
    known = features(engine.tables, spine, prediction.features).order_by(keys).to_pyarrow()
    later = prediction.labels(engine.tables, spine).order_by(keys).to_pyarrow()
    labels = {
        name: later.column(name).to_numpy(zero_copy_only=False) for name in later.column_names if name not in keys
    }
    return Examples(as_customers(known, prediction.features), labels, limit)


def as_customers(table: pa.Table, settings: FeatureSettings) -> Customers:
    """Return computed features as customers, in the table's order."""
    names = tuple(feature.name for feature in catalogue(settings))
    matrix = np.empty((table.num_rows, len(names)), np.float32)
    for position, name in enumerate(names):
        matrix[:, position] = table.column(name).to_numpy(zero_copy_only=False)
    as_of = table.column(col.AS_OF).to_numpy(zero_copy_only=False).astype("datetime64[D]")
    return Customers(table.column(col.CUSTOMER_ID).to_pylist(), as_of, matrix, names)


def _spine(engine: Engine, cutoffs: Sequence[date], limit: date, max_examples: int, seed: int) -> pa.Table:
    ids = np.array(population(engine.tables, limit).order_by(col.CUSTOMER_ID).to_pyarrow()[col.CUSTOMER_ID].to_pylist())
    room = max(1, max_examples // len(cutoffs))
    if len(ids) > room:
        ids = np.sort(np.random.default_rng(seed).choice(ids, room, replace=False))
    days = np.array(cutoffs, dtype="datetime64[D]")
    return pa.table({col.CUSTOMER_ID: pa.array(np.tile(ids, len(days))), col.AS_OF: np.repeat(days, len(ids))})
