"""CSV and Parquet files of the user, with their column names mapped onto ours.

CSV is read as text throughout: casting is the contract's work, and an id keeps its leading zeros.
"""

import csv
import gzip
import io
from collections.abc import Mapping
from pathlib import Path

import duckdb
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from models.errors import ContractError, SourceError
from models.source_settings import SourceSettings
from training.engine_errors import reason
from training.sources.mapping import mapped
from training.sources.raw import RawTable, Workbench

_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
_SEPARATORS = (",", ";", "\t", "|")


class Files:
    """One CSV or Parquet file a table.

    Parameters
    ----------
    source : SourceSettings
        Which file holds which table, and the column mapping.
    workspace : Path
        The folder that relative paths start at.
    """

    name = "files"

    def __init__(self, source: SourceSettings, workspace: Path) -> None:
        self._source = source
        self._entries = {name: entry for name, entry in source.tables.items() if entry.path}
        self._workspace = workspace

    def state(self) -> str:
        """Return the files with their sizes and times; see ``Source``."""
        stats = [(file, file.stat()) for file in self.files()]
        return str([(str(file), stat.st_size, stat.st_mtime_ns) for file, stat in stats])

    def files(self) -> tuple[Path, ...]:
        """Return the configured files, absolute, in the order of the tables.

        Raises
        ------
        SourceError
            A file is missing, is a folder, is empty or cannot be read.
        """
        return tuple(self._path(table) for table in self._entries)

    def tables(self, bench: Workbench) -> Mapping[str, RawTable]:
        """Return the configured tables; see ``Source``."""
        return {
            table: RawTable(self._table(bench.connection, table), notation=entry)
            for table, entry in self._entries.items()
        }

    def _path(self, table: str) -> Path:
        path = self._workspace / (self._entries[table].path or "")
        hint = f"correct path under [source.{table}] in foresell.toml"
        if not path.exists():
            raise SourceError(f"{table}: {path} does not exist (relative paths start at the workspace); {hint}")
        if path.is_dir():
            raise SourceError(f"{table}: {path} is a folder, a CSV or Parquet file is needed; {hint}")
        if not path.name.lower().endswith(_PARQUET + _CSV):
            raise SourceError(f"{table}: {path} is of no known kind ({', '.join(_PARQUET + _CSV)}); {hint}")
        try:
            with path.open("rb") as file:
                empty = not file.read(1)
        except OSError as error:
            raise SourceError(f"{table}: {path} cannot be read: {error.strerror}; check its permissions") from error
        if empty:
            raise SourceError(f"{table}: {path} is empty; export it again or {hint}")
        return path

    def _table(self, connection: Backend, table: str) -> ir.Table:
        path = self._path(table)
        try:
            raw = _read(connection, path, f"source_{table}")
        except (duckdb.Error, OSError, csv.Error) as error:
            raise SourceError(f"{table}: {path} cannot be read: {reason(error)}; export it again") from error
        return mapped(raw, table, self._source, str(path))


def _read(connection: Backend, path: Path, name: str) -> ir.Table:
    pattern = _escaped(path)
    if path.name.lower().endswith(_PARQUET):
        return connection.read_parquet(pattern, table_name=name)
    separator, header = _header(path)
    # nothing is left to DuckDB's guesses, which may skip lines or join columns; a line that does not fit is an error
    return connection.read_csv(
        pattern,
        table_name=name,
        auto_detect=False,
        columns=dict.fromkeys(header, "VARCHAR"),
        header=True,
        sep=separator,
        quote='"',
        escape='"',
        comment="",
        strict_mode=True,
    )


def _escaped(path: Path) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in str(path))


def _header(path: Path) -> tuple[str, list[str]]:
    """Return the separator and the column names of a CSV file; a column without a name gets one by its place."""
    binary = gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")  # noqa: SIM115
    with io.TextIOWrapper(binary, encoding="utf-8-sig", errors="replace", newline="") as file:
        first = file.readline(1_000_000)
    unquoted = "".join(first.split('"')[::2])
    separator = max(_SEPARATORS, key=unquoted.count)  # the first of equals: a single column is read with commas
    row = next(csv.reader([first], delimiter=separator), [])
    names = [name or f"column_{place}" for place, name in enumerate(row, start=1)]
    for place, name in enumerate(names):
        if name.lower() in (other.lower() for other in names[:place]):
            raise ContractError(f"{path} has two columns named {name!r}; rename one of them")
    return separator, names
