"""Opens DuckDB or Spark over a folder of tables: the only file that opens an engine for tables."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import ibis
import pyarrow as pa
from ibis.expr import types as ir

from models import columns as col
from models.contracts import SCHEMAS
from models.errors import MissingDependencyError, SourceError

SPINE = "spine"
# where Python runs no file (a notebook, `python -c`) DuckDB draws a bar into what a command prints
NO_BAR = "SET enable_progress_bar = false"


@dataclass(frozen=True)
class Engine:
    """An open engine and the tables on it; closes as a context manager.

    Parameters
    ----------
    backend : ibis.backends.BaseBackend
        Ibis' DuckDB or PySpark backend.
    tables : Mapping[str, ir.Table]
        Every table of ``models.contracts.SCHEMAS``.
    """

    backend: Any
    tables: Mapping[str, ir.Table]

    def spine(self, rows: Any) -> ir.Table:
        """Put a spine that is in memory on the engine.

        Parameters
        ----------
        rows : pyarrow.Table or pandas.DataFrame
            (customer_id, as_of date), unique rows; replaces an earlier spine.

        Returns
        -------
        ir.Table
            (customer_id string, as_of date).
        """
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
        schema = pa.schema([(col.CUSTOMER_ID, pa.string()), (col.AS_OF, pa.date32())])
        table = table.select(schema.names).cast(schema)
        if self.backend.name == "duckdb":
            self.backend.con.register(SPINE, table)
            return self.backend.table(SPINE)
        return self.backend.create_view(SPINE, ibis.memtable(table), overwrite=True)

    def to_arrow(self, expression: ir.Table) -> pa.Table:
        """Compute an expression over the engine's tables."""
        return expression.to_pyarrow()

    def close(self) -> None:
        """Let go of the engine: DuckDB's connection, or this process's Spark session."""
        self.backend.disconnect()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_duckdb(tables: Path, *, threads: int | None = None) -> Engine:
    """Open the tables of a folder in DuckDB, in this process.

    Parameters
    ----------
    tables : Path
        Folder with ``<table>.parquet`` for each table of the contract.
    threads : int, optional
        Threads at most; default: DuckDB's own choice, every core.

    Raises
    ------
    SourceError
        A table's file is missing.
    """
    paths = _paths(tables)
    backend = ibis.duckdb.connect(**({} if threads is None else {"threads": threads}))
    backend.con.execute(NO_BAR)
    return Engine(backend, {name: backend.read_parquet(path, table_name=name) for name, path in paths.items()})


def open_spark(tables: Path, *, master: str = "local[2]", partitions: int = 2) -> Engine:
    """Open the tables of a folder in Spark.

    Parameters
    ----------
    tables : Path
        Folder with ``<table>.parquet`` for each table of the contract, readable by every executor.
    master : str, default "local[2]"
        Spark's master; a session that runs already in this process is used as it is.
    partitions : int, default 2
        Partitions of a shuffle.

    Raises
    ------
    MissingDependencyError
        pyspark is not installed.
    SourceError
        A table's file is missing.
    """
    paths = _paths(tables)
    session = _spark_session(master, partitions)
    backend = ibis.pyspark.connect(session)
    return Engine(backend, {name: backend.read_parquet(path, table_name=name) for name, path in paths.items()})


def open_memory() -> duckdb.DuckDBPyConnection:
    """Open an empty DuckDB in memory on one thread, for histories that come with a request."""
    return duckdb.connect(":memory:", config={"threads": 1}).execute(NO_BAR)


def _paths(tables: Path) -> dict[str, str]:
    paths = {name: tables / f"{name}.parquet" for name in SCHEMAS}
    for path in paths.values():
        if not path.exists():
            raise SourceError(f"no {path.name} in {tables}: run the intake, which also keeps a table without rows")
    return {name: str(path) for name, path in paths.items()}


def _spark_session(master: str, partitions: int) -> Any:
    try:
        sql = importlib.import_module("pyspark.sql")
    except ImportError:
        raise MissingDependencyError("Spark needs pyspark: pip install 'foresell[spark]'") from None
    return (
        sql.SparkSession.builder.master(master)
        .appName("foresell")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", str(partitions))
        .config("spark.ui.enabled", "false")
        .getOrCreate()
    )
