"""Text, Excel and Parquet files of the user, with their column names mapped onto ours.

Text is read as text throughout: casting is the contract's work, and an id keeps its leading zeros.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq

from models.errors import ContractError, SourceError
from models.source_settings import SourceSettings, TableSource
from training.engine_errors import reason
from training.sources.header import refuse_equal_names
from training.sources.kinds import Kind, files_at
from training.sources.lines import TextTable
from training.sources.mapping import mapped
from training.sources.raw import RawTable, Workbench
from training.sources.text import texts_of

_NO_VALUES = "empty"


class Files:
    """One file a table, or a folder of files of one kind.

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
        """Return the configured files, absolute, in the order of the tables and of their names.

        Raises
        ------
        SourceError
            A file is missing, of no known kind, empty or not what its name says, or cannot be opened.
        """
        return tuple(file for table in self._entries for file in self._found(table)[1])

    def tables(self, bench: Workbench) -> Mapping[str, RawTable]:
        """Return the configured tables; see ``Source``."""
        return {table: self._table(bench, table) for table in self._entries}

    def _path(self, table: str) -> Path:
        return self._workspace / (self._entries[table].path or "")

    def _found(self, table: str) -> tuple[Kind, tuple[Path, ...]]:
        with _named(table):
            return files_at(self._path(table))

    def _table(self, bench: Workbench, table: str) -> RawTable:
        kind, files = self._found(table)
        entry, malformed = self._entries[table], None
        if kind is Kind.EXCEL:
            from training.sources import excel  # its libraries are loaded for nobody else

            rows = excel.read(files[0], entry.sheets, bench, table, entry.decimal)
        elif kind is Kind.PARQUET:
            with _named(table):
                rows = _parquet(bench, files, table)
        else:
            malformed = bench.folder / f"malformed_{table}.parquet"
            with _named(table):
                rows = _text(bench, files, entry, table, malformed)
        return RawTable(mapped(rows, table, self._source, str(self._path(table))), entry, malformed)


@contextmanager
def _named(table: str) -> Iterator[None]:
    """Say in errors which table they are about."""
    try:
        yield
    except (SourceError, ContractError) as error:
        raise type(error)(f"{table}: {error.message}; see [source.{table}] in foresell.toml") from error


def _text(bench: Workbench, files: tuple[Path, ...], entry: TableSource, table: str, malformed: Path) -> ir.Table:
    title = f"reading {table.replace('_', ' ')}"
    stream = TextTable(texts_of(files), entry, malformed, progress=bench.progress, title=title)
    name = f"source_{table}"
    bench.connection.con.register(name, stream)
    return bench.connection.table(name)


def _parquet(bench: Workbench, files: tuple[Path, ...], table: str) -> ir.Table:
    kinds: dict[str, tuple[str, Path]] = {}
    for file in files:
        try:
            schema = pq.read_schema(file)
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"{file} cannot be read: {reason(error)}; export it again") from error
        refuse_equal_names(schema.names, str(file))
        for field in schema:
            kind = _kind(field.type)
            first, where = kinds.setdefault(field.name, (kind, file)) if kind != _NO_VALUES else (kind, file)
            if kind != first:
                # made one, a number loses digits and a time its zone
                raise SourceError(
                    f"column {field.name!r} is {first} in {where} and {kind} in {file}; write it with one type"
                )
    try:
        return bench.connection.read_parquet(
            [_escaped(file) for file in files], table_name=f"source_{table}", union_by_name=True
        )
    except duckdb.Error as error:
        raise SourceError(f"{files[0].parent}: the files do not fit together: {reason(error)}; align them") from error


def _kind(type_: pa.DataType) -> str:
    """Name what values a column holds, as far as files must agree on it."""
    zoned = pa.types.is_timestamp(type_) and type_.tz is not None
    kinds = {
        _NO_VALUES: pa.types.is_null,
        "whole numbers": pa.types.is_integer,
        "floating numbers": pa.types.is_floating,
        "text": lambda each: pa.types.is_string(each) or pa.types.is_large_string(each) or pa.types.is_dictionary(each),
        "times with a zone": lambda _: zoned,
        "times without a zone": pa.types.is_timestamp,
        "decimal numbers": pa.types.is_decimal,
    }
    return next((name for name, holds in kinds.items() if holds(type_)), str(type_))


def _escaped(path: Path) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in str(path))
