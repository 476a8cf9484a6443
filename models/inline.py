"""Features of a history that came with a request, out of the one definition.

The expression is compiled to SQL and prepared once; a request costs its rows and the plan's run. A history is keyed by
its position in the call, so that one customer may come twice with two histories.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import sqlglot
from sqlglot import exp

from models import columns as col
from models.contracts import DAY_OF, SCHEMAS
from models.engines import open_memory
from models.features import catalogue
from models.features.identity import SPINE, compiled
from models.settings import FeatureSettings

Row = Mapping[str, object]

INCOMING, INSERT = "incoming", "insert"
# optimisations that read a table's statistics while it is still empty, and would hold for the plan's whole life
NOT_WHEN_PREPARED = "statistics_propagation,compressed_materialization,empty_result_pullup"
TYPES = {
    "string": pa.string(),
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
    "boolean": pa.bool_(),
    "decimal(18, 4)": pa.decimal128(18, 4),
}
CENT_OF_CENT = Decimal("0.0001")


@dataclass(frozen=True)
class InlineHistory:
    """Everything that is known of one customer, in the contract's columns.

    A row is a mapping from the column names of ``models.contracts.SCHEMAS`` to values; the customer id and the
    ``*_day`` columns are left out, an absent column is null. Instants are naive wall-clock times of the configured
    zone, or dates.

    Parameters
    ----------
    order_lines, contacts, events : Sequence[Mapping[str, object]]
        Rows of these tables; what lies at or after the cutoff is not used.
    attributes : Mapping[str, str]
        Values of configured attributes, as they were known at the cutoff; an absent one is unknown.
    joined_at : datetime, optional
        When the customer joined; None = not known.
    """

    order_lines: Sequence[Row] = ()
    contacts: Sequence[Row] = ()
    events: Sequence[Row] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    joined_at: datetime | date | None = None


class _Incoming:
    """What a prepared statement reads: the rows that are there when it runs."""

    def __init__(self, empty: pa.Table) -> None:
        self.empty = empty
        self.rows = empty

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Hand the rows over, by Arrow's interface."""
        return self.rows.__arrow_c_stream__(requested_schema)


class InlineFeatures:
    """Computes the features of histories; safe to share between threads, which take turns.

    Parameters
    ----------
    settings : FeatureSettings
        What changes the features.
    products : pyarrow.Table or Path
        The products table, in memory or as a Parquet file.
    """

    def __init__(self, settings: FeatureSettings, products: pa.Table | Path) -> None:
        self._settings = settings
        self._names = [feature.name for feature in catalogue(settings)]
        self._lock = threading.Lock()
        self._connection = open_memory()
        self._incoming: dict[str, _Incoming] = {}
        listed = products if isinstance(products, pa.Table) else pq.read_table(products)
        self._products = listed.select((col.PRODUCT_ID, col.DEPARTMENT, col.CATEGORY))
        # as bytes in one array: a table of Python's own would be many times as large in every process
        ids = np.array(list(map(str.encode, listed[col.PRODUCT_ID].to_pylist())), np.bytes_)
        self._order = np.argsort(ids, kind="stable")
        self._ids = ids[self._order]
        self._create()

    def compute(self, histories: Sequence[InlineHistory], as_of: Sequence[date]) -> npt.NDArray[np.float32]:
        """Compute the features of each history at its cutoff.

        Parameters
        ----------
        histories : Sequence[InlineHistory]
            Complete histories.
        as_of : Sequence[date]
            The cutoff of each, of equal length.

        Returns
        -------
        numpy.ndarray
            (histories, features) float32 in the order of the input and of the catalogue; null is NaN.
        """
        if not histories:
            return np.empty((0, len(self._names)), dtype=np.float32)
        # every statement costs a millisecond, whether it has rows or not
        incoming = {name: table for name, table in self._rows(histories, as_of).items() if table.num_rows}
        with self._lock:
            result = self._run(incoming)
        figures = np.column_stack([finite(result[name].to_numpy()) for name in self._names])
        ordered = np.empty_like(figures)
        ordered[result[col.CUSTOMER_ID].to_numpy().astype(np.int64)] = figures
        return ordered

    def close(self) -> None:
        """Close the engine."""
        self._connection.close()

    def _schemas(self) -> dict[str, dict[str, str]]:
        attributes = {attribute.name: "string" for attribute in self._settings.attributes}
        schemas = {name: dict(schema) for name, schema in SCHEMAS.items()}
        schemas[col.CUSTOMERS] |= attributes
        return schemas | {SPINE: {col.CUSTOMER_ID: "string", col.AS_OF: "date"}}

    def _create(self) -> None:
        run = self._connection.execute
        run(f"SET disabled_optimizers = '{NOT_WHEN_PREPARED}'")
        for name, schema in self._schemas().items():
            columns = ", ".join(f'"{column}" {kind}' for column, kind in schema.items())
            run(f'CREATE TABLE "{name}" ({columns})')
        for name, empty in self._rows([], []).items():
            self._incoming[name] = _Incoming(empty)
            self._connection.register(f"{INCOMING}_{name}", self._incoming[name])
            # parsed and planned once: in each call that took as long as the rows
            run(f'PREPARE {INSERT}_{name} AS INSERT INTO "{name}" BY NAME FROM {INCOMING}_{name}')
        run(f"PREPARE features AS {_without_filters(compiled(self._settings))}")

    def _run(self, incoming: Mapping[str, pa.Table]) -> pa.Table:
        run = self._connection.execute
        run("BEGIN")
        try:
            for name, table in incoming.items():
                self._incoming[name].rows = table
                run(f"EXECUTE {INSERT}_{name}")
            return run("EXECUTE features").to_arrow_table()
        finally:
            # the tables stay empty: rows that were never committed leave nothing behind
            run("ROLLBACK")
            for name in incoming:
                self._incoming[name].rows = self._incoming[name].empty

    def _rows(self, histories: Sequence[InlineHistory], as_of: Sequence[date]) -> dict[str, pa.Table]:
        rows: dict[str, list[Row]] = {name: [] for name in (col.ORDER_LINES, col.CONTACTS, col.EVENTS, col.CUSTOMERS)}
        keys: dict[str, list[str]] = {name: [] for name in rows}
        for at, (history, cutoff) in enumerate(zip(histories, as_of, strict=True)):
            known = {col.JOINED_AT: history.joined_at, col.VALID_FROM: cutoff - timedelta(days=1), **history.attributes}
            parts = (history.order_lines, history.contacts, history.events, (known,))
            for name, part in zip(rows, parts, strict=True):
                rows[name].extend(part)
                keys[name].extend([str(at)] * len(part))
        schemas = self._schemas()
        tables = {name: _table(schemas[name], keys[name], rows[name]) for name in rows}
        positions = [str(at) for at in range(len(histories))]
        spine = pa.table({col.CUSTOMER_ID: pa.array(positions, pa.string()), col.AS_OF: pa.array(as_of, pa.date32())})
        return tables | {SPINE: spine, col.PRODUCTS: self._named(tables[col.ORDER_LINES])}

    def _named(self, order_lines: pa.Table) -> pa.Table:
        """Return the few products that histories name, so that the plan does not read them all."""
        named = [name for name in order_lines[col.PRODUCT_ID].unique().to_pylist() if name is not None]
        if not named or not len(self._ids):
            return self._products.slice(0, 0)
        ids = np.array(list(map(str.encode, named)), np.bytes_)
        places = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return self._products.take(self._order[places[self._ids[places] == ids]])


def _without_filters(sql: str) -> str:
    """Return a query whose aggregates take null for what their filters leave out, which they skip: the same figures.

    DuckDB prepares room for all columns of a group for each filter of an aggregate, anew in each run. That was a third
    of the time of a plan over few rows.
    """

    def rewritten(node: exp.Expression) -> exp.Expression:
        if not isinstance(node, exp.Filter) or not isinstance(node.this, exp.Count | exp.Sum | exp.Min | exp.Max):
            return node
        aggregate, kept = node.this, node.expression.this
        taken = aggregate.this
        if isinstance(taken, exp.Distinct):
            taken.set("expressions", [_null_unless(kept, each) for each in taken.expressions])
        else:
            aggregate.set("this", _null_unless(kept, exp.Literal.number(1) if isinstance(taken, exp.Star) else taken))
        return aggregate

    return str(sqlglot.parse_one(sql, dialect="duckdb").transform(rewritten).sql(dialect="duckdb"))


def _null_unless(condition: exp.Expression, value: exp.Expression) -> exp.Case:
    return exp.Case(ifs=[exp.If(this=condition.copy(), true=value)])


def finite(figures: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return figures as features hold them: what has no place in a float32 is null, as what nobody knows is."""
    with np.errstate(over="ignore"):
        narrow = figures.astype(np.float32)
    narrow[np.isinf(narrow)] = np.nan
    return narrow


def _table(schema: Mapping[str, str], keys: Sequence[str], rows: Sequence[Row]) -> pa.Table:
    columns: dict[str, pa.Array] = {col.CUSTOMER_ID: pa.array(keys, pa.string())}
    for name, kind in schema.items():
        if name in DAY_OF.values() or name in columns:
            continue
        columns[name] = _column([row.get(name) for row in rows], kind)
        if name in DAY_OF:
            columns[DAY_OF[name]] = columns[name].cast(pa.date32())
    return pa.table({name: columns[name] for name in schema})


def _column(values: Sequence[object], kind: str) -> pa.Array:
    if kind == "timestamp":
        return pa.array([_instant(value) for value in values], TYPES[kind])
    if kind.startswith("decimal"):
        return pa.array([_exact(value) for value in values], TYPES[kind])
    return pa.array(values, TYPES[kind])


def _instant(value: object) -> object:
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value


def _exact(value: object) -> Decimal | None:
    # by its decimal digits: 0.1 is meant as 0.1000
    return None if value is None else Decimal(str(value)).quantize(CENT_OF_CENT, ROUND_HALF_UP)
