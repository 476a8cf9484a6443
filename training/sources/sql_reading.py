"""One table or query of a database, read in batches of Arrow."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, CursorResult, inspect, select, text
from sqlalchemy import table as table_clause

from models.errors import ContractError, SourceError
from models.source_settings import TableSource
from training.sources.header import refuse_equal_names
from training.sources.plain_text import plain_text
from training.sources.postgres_values import TYPES, type_name
from training.sources.sql_connection import Place

BATCH_ROWS = 50_000
"""Rows that are held at once."""
_SHOWN = 30  # tables that a message lists at most
_SYSTEM_SCHEMAS = ("information_schema", "pg_")


@dataclass(frozen=True)
class Column:
    """One column of a result.

    Parameters
    ----------
    name : str
        The database's name of it.
    type : pa.DataType
        What its values are handed on as.
    convert : Callable, optional
        What makes one out of the driver's value, null excepted; None = the driver's value is one.
    """

    name: str
    type: pa.DataType
    convert: Callable[[Any], Any] | None = None

    def array(self, values: Sequence[Any]) -> pa.Array:
        """Return the column's part of a batch."""
        if self.convert is not None:
            values = [None if value is None else self.convert(value) for value in values]
        return pa.array(values, self.type)


@dataclass(frozen=True)
class Reading:
    """One table or query on its way out of the database.

    Parameters
    ----------
    connection : Connection
        Of ``place``; streams one reading at a time.
    place : Place
        What messages call the database.
    name : str
        The table's name in the contract.
    entry : TableSource
        The table or the query, and the decimal sign that its numbers are written with.
    limit : int, optional
        Rows of a table at most.
    """

    connection: Connection
    place: Place
    name: str
    entry: TableSource
    limit: int | None = None

    @property
    def where(self) -> str:
        """What messages call the place that the rows come from."""
        return f"{f'table {self.entry.table!r}' if self.entry.table else 'the query'} of {self.place.name}"

    def stream(self) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """Return the columns, and the rows in batches.

        Raises
        ------
        SourceError
            The table is not there, the database refuses, or stops in the middle.
        ContractError
            Two columns have one name.
        """
        hint = f"correct [source.{self.name}], or ask for the right to read it"
        with self.place.explained("refuses", hint, of=self.name):
            result = self._query() if self.entry.query else self._table()
        try:
            columns = self._columns(result)
        except (SourceError, ContractError):
            result.close()
            raise
        schema = pa.schema([(column.name, column.type) for column in columns])
        return schema, self._batches(result, columns, schema)

    def _query(self) -> "CursorResult[Any]":
        # sent as it is written: no sign in it stands for a parameter
        options = {"yield_per": BATCH_ROWS, "no_parameters": True}
        return self.connection.exec_driver_sql((self.entry.query or "").strip().rstrip(";"), execution_options=options)

    def _table(self) -> "CursorResult[Any]":
        name, schema = self._found()
        rows = select(text("*")).select_from(table_clause(name, schema=schema)).limit(self.limit)
        return self.connection.execute(rows, execution_options={"yield_per": BATCH_ROWS})

    def _found(self) -> tuple[str, str | None]:
        wanted = self.entry.table or ""
        schema, dot, rest = wanted.rpartition(".")
        tables = inspect(self.connection)
        if tables.has_table(wanted):
            return wanted, None
        if dot and tables.has_table(rest, schema=schema):
            return rest, schema
        names = table_names(self.connection)
        more = f", ... and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise SourceError(
            f"{self.name}: no table {wanted!r} in {self.place.name}; it has: {', '.join(names[:_SHOWN]) or 'none'}"
            f"{more}; correct table under [source.{self.name}]"
        )

    def _columns(self, result: "CursorResult[Any]") -> list[Column]:
        description = result.cursor.description if result.cursor is not None else None
        if not description:
            raise SourceError(f"{self.name}: {self.where} gives no rows; write one that selects")
        names = [str(column[0]) for column in description]
        refuse_equal_names(names, f"{self.name}: {self.where}")
        return [self._column(name, column[1]) for name, column in zip(names, description, strict=True)]

    def _column(self, name: str, code: Any) -> Column:
        written = partial(plain_text, sign=self.entry.decimal)
        if self.connection.dialect.driver != "psycopg":
            return Column(name, pa.string(), written)
        kind = type_name(self.connection.connection.dbapi_connection, code)
        if kind in TYPES:
            return Column(name, TYPES[kind])
        return Column(name, pa.string(), self._signed if kind == "numeric" else written)

    def _signed(self, number: str) -> str:
        return number.replace(".", self.entry.decimal)

    def _batches(
        self, result: "CursorResult[Any]", columns: list[Column], schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        hint = "nothing was changed: run it again"
        with self.place.explained("stopped in the middle", hint, of=self.name), result:
            for rows in result.partitions(BATCH_ROWS):
                arrays = [column.array(values) for column, values in zip(columns, zip(*rows, strict=True), strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def table_names(connection: Connection) -> list[str]:
    """Name every table and view, those outside the default schema with their schema."""
    found = inspect(connection)
    names = _in_schema(connection, None)
    if connection.dialect.name == "postgresql":
        others = (
            each
            for each in found.get_schema_names()
            if each != found.default_schema_name and not each.startswith(_SYSTEM_SCHEMAS)
        )
        names += [f"{schema}.{name}" for schema in others for name in _in_schema(connection, schema)]
    return names


def _in_schema(connection: Connection, schema: str | None) -> list[str]:
    found = inspect(connection)
    names = found.get_table_names(schema=schema) + found.get_view_names(schema=schema)
    if connection.dialect.name == "postgresql":
        names += found.get_materialized_view_names(schema=schema)
    return sorted(names)
