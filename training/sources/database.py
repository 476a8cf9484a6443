"""Tables of a SQL database, and queries to it, through SQLAlchemy.

Rows stream from a server-side cursor into Parquet files of the working folder, all tables in one transaction that
only reads: the tables fit together, and the database is free again before anything is computed.
"""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from models.errors import SourceError
from models.source_settings import SourceSettings, TableSource
from training.sources.mapping import mapped
from training.sources.raw import RawTable, Workbench
from training.sources.sql_connection import place_of
from training.sources.sql_reading import Reading, table_names


class Database:
    """The ``table`` and ``query`` entries of the configuration, and no others.

    PostgreSQL says of which type a column is: integers, floats, booleans, dates and times keep their types, everything
    else comes in the server's own words. Another database's values come as text. A decimal number is exact text with
    the decimal sign that the table's notation names.

    Parameters
    ----------
    source : SourceSettings
        The url, the password, and which table holds what.
    workspace : Path
        The folder that the relative path of a SQLite file starts at.
    """

    name = "database"

    def __init__(self, source: SourceSettings, workspace: Path) -> None:
        self._source = source
        self._entries = {name: entry for name, entry in source.tables.items() if entry.table or entry.query}
        self._workspace = workspace

    def state(self) -> None:
        """Return None: a database does not say whether it changed; see ``Source``."""

    def tables(self, bench: Workbench) -> Mapping[str, RawTable]:
        """Copy the configured tables as they are at one moment; see ``Source``."""
        raw, place = {}, place_of(self._source, self._workspace)
        with place.connection() as connection:
            for name, entry in self._entries.items():
                reading = Reading(connection, place, name, entry)
                rows = bench.connection.read_parquet(_copied(reading, bench))
                raw[name] = RawTable(mapped(rows, name, self._source, reading.where), notation=entry)
        return raw


def tables_of(source: SourceSettings, workspace: Path) -> list[str]:
    """Name the tables and views of a database as ``[source.order_lines] table`` takes them.

    Parameters
    ----------
    source : SourceSettings
        With the url and the password; its tables are not looked at.
    workspace : Path
        The folder that the relative path of a SQLite file starts at.

    Raises
    ------
    SourceError, MissingDependencyError
        The database cannot be reached or read.
    """
    place = place_of(source, workspace)
    with place.connection() as connection, place.explained("refuses to name its tables", "check the user's rights"):
        return table_names(connection)


def sample(source: SourceSettings, table: str, rows: int, workspace: Path) -> pa.Table:
    """Return the first rows of a table, of the types that intake would see.

    Parameters
    ----------
    source : SourceSettings
        With the url and the password; its tables are not looked at.
    table : str
        A table's name, maybe with its schema.
    rows : int
        So many at most.
    workspace : Path
        The folder that the relative path of a SQLite file starts at.

    Raises
    ------
    SourceError, MissingDependencyError
        The database cannot be reached, or the table cannot be read.
    ContractError
        Two columns have one name.
    """
    place = place_of(source, workspace)
    with place.connection() as connection:
        schema, batches = Reading(connection, place, table, TableSource(table=table), limit=rows).stream()
        return pa.Table.from_batches(list(batches), schema=schema)


def _copied(reading: Reading, bench: Workbench) -> Path:
    path, title, count = bench.folder / f"database_{reading.name}.parquet", reading.name.replace("_", " "), 0
    bench.progress(f"fetching {title}")
    schema, batches = reading.stream()
    try:
        with pq.ParquetWriter(path, schema) as file:
            for batch in batches:
                file.write_batch(batch)
                count += batch.num_rows
                bench.progress(f"fetching {title}, {count:,} rows so far")
    except SourceError:
        raise
    except OSError as error:
        raise SourceError(f"{reading.name}: {path} cannot be written: {error.strerror or error}; make room") from error
    return path
