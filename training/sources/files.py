"""CSV and Parquet files of the user, with their column names mapped onto ours.

CSV is read as text throughout: casting is the contract's work, and an id keeps its leading zeros.
"""

import csv
import gzip
import io
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

import duckdb
import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from models import columns as col
from models.contracts import REQUIRED, SCHEMAS
from models.errors import ContractError, SourceError
from models.settings import SourceSettings, TableFile
from training.engine_errors import reason

_PARQUET = (".parquet", ".pq")
_CSV = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
_SEPARATORS = (",", ";", "\t", "|")
_SHOWN = 30  # column names that a message lists at most


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
        entries: dict[str, TableFile | None] = {table: getattr(source, table) for table in SCHEMAS}
        self._entries = {table: entry for table, entry in entries.items() if entry is not None}
        self._workspace = workspace

    def files(self) -> tuple[Path, ...]:
        """Return the configured files, absolute, in the order of the tables.

        Raises
        ------
        SourceError
            A file is missing, is a folder, is empty or cannot be read.
        """
        return tuple(self._path(table) for table in self._entries)

    def tables(self, connection: Backend) -> Mapping[str, ir.Table]:
        """Return the configured tables; see ``Source``."""
        return {table: self._table(connection, table) for table in self._entries}

    def _path(self, table: str) -> Path:
        path = self._workspace / self._entries[table].path
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
        return raw.select(**self._columns(table, raw.columns, path))

    def _columns(self, table: str, theirs: tuple[str, ...], path: Path) -> dict[str, str]:
        mapping = self._entries[table].columns
        known = [name for name in SCHEMAS[table] if SCHEMAS[table][name] != "date"]
        for ours, name in mapping.items():
            # further columns of customers may become attributes
            if ours not in known and table != col.CUSTOMERS:
                raise ContractError(
                    f"{table}: {ours!r} under [source.{table}.columns] is no column of ours{_closest(ours, known)}; "
                    f"the columns are: {', '.join(known)}"
                )
            if name not in theirs:
                raise ContractError(
                    f"{table}: column {name!r} (for {ours}) is not in {path}{_closest(name, theirs)}; it has: "
                    f"{_listed(theirs)}; correct it under [source.{table}.columns]"
                )
        taken = theirs if table == col.CUSTOMERS else tuple(name for name in theirs if name in known)
        columns = {name: name for name in taken} | mapping
        for ours in REQUIRED[table]:
            if ours not in columns:
                raise ContractError(
                    f"{table}: no column {ours!r} in {path}{_closest(ours, theirs)}; it has: {_listed(theirs)}; "
                    f'name the one that holds it: [source.{table}.columns] {ours} = "..."'
                )
        return columns


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


def _closest(name: str, names: tuple[str, ...] | list[str]) -> str:
    lowered = {other.lower(): other for other in names}
    found = get_close_matches(name.lower(), lowered, n=1)
    return f" (did you mean {lowered[found[0]]!r}?)" if found else ""


def _listed(names: tuple[str, ...]) -> str:
    more = f", ... and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(repr(name) for name in names[:_SHOWN]) + more
