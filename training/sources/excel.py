"""Sheets of a workbook: Excel's .xlsx, .xlsb and .xls, and OpenDocument's .ods.

Excel knows the type of a cell, not of a column, and keeps every number as a float. Here each column gets one type, by
all of its values. A cell that holds an error such as #N/A is empty.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import Flag, auto
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from models.errors import ContractError, SourceError
from training.sources.header import refuse_equal_names
from training.sources.plain_text import plain_text
from training.sources.raw import Workbench

_BATCH_ROWS = 50_000
_LARGEST = 2**63  # beyond int64


class _Kind(Flag):
    """What the values of a column are; several where they are mixed."""

    WHOLE = auto()
    FRACTION = auto()
    TIME = auto()
    TRUTH = auto()
    TEXT = auto()


@dataclass(frozen=True)
class _Column:
    place: int  # among the cells of a row
    kind: _Kind


@dataclass(frozen=True)
class _Sheet:
    """A sheet that has been looked through once; ``columns`` by name, in the sheet's order."""

    name: str
    cells: CalamineSheet
    columns: Mapping[str, _Column]

    def batches(self, schema: pa.Schema, decimal: str) -> Iterator[pa.RecordBatch]:
        """Return the rows in batches, with the columns of ``schema``."""
        rows = _rows(self.cells)
        next(rows)  # the header
        while some := list(islice(rows, _BATCH_ROWS)):
            arrays = [_array([row[self.columns[f.name].place] for row in some], f.type, decimal) for f in schema]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def read(path: Path, sheets: tuple[str, ...], bench: Workbench, table: str, decimal: str = ".") -> ir.Table:
    """Read sheets of a workbook as one table.

    Parameters
    ----------
    path : Path
        The file.
    sheets : tuple of str
        Their names; they have the same columns, in any order. None = the first one that is not hidden.
    bench : Workbench
        Where the table is laid.
    table : str
        The table's name in the contract.
    decimal : str
        The decimal sign that text is written with, from the table's notation.

    Returns
    -------
    ir.Table
        The columns by the names in the first row that is not empty; a column without a name is called by its place,
        ``column_3``. Whole numbers are int64, other numbers exact text, dates and times are timestamps; mixed values
        are text. Rows without any value are no rows.

    Raises
    ------
    SourceError
        The file is no workbook or protected by a password; a sheet is not there or empty.
    ContractError
        Two columns have one name, or the sheets have not the same columns.
    """
    bench.progress(f"opening {path.name}")
    with _explained(path, table), CalamineWorkbook.from_path(path) as workbook:
        read = [_looked_through(workbook, name, path, table) for name in _chosen(workbook, sheets, path, table)]
        schema = _schema(read, path, table)
        copy = bench.folder / f"excel_{table}.parquet"
        with pq.ParquetWriter(copy, schema) as file:
            for sheet in read:
                for batch in sheet.batches(schema, decimal):
                    file.write_batch(batch)
    return bench.connection.read_parquet(copy)


@contextmanager
def _explained(path: Path, table: str) -> Iterator[None]:
    try:
        yield
    except PasswordError as error:
        raise SourceError(f"{table}: {path} is protected by a password; save it without one") from error
    except CalamineError as error:
        said = " ".join(str(error).split())
        raise SourceError(f"{table}: {path} is no workbook that can be read: {said}; save it again as .xlsx") from error
    except OSError as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{table}: {path} cannot be read: {error}; check permissions and free space") from error


def _chosen(workbook: CalamineWorkbook, sheets: tuple[str, ...], path: Path, table: str) -> tuple[str, ...]:
    there = [sheet for sheet in workbook.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
    names = [sheet.name for sheet in there]
    for name in sheets:
        if name not in names:
            raise SourceError(
                f"{table}: {path} has no sheet {name!r}; it has: {', '.join(map(repr, names))}; correct sheets under "
                f"[source.{table}]"
            )
    shown = [sheet.name for sheet in there if sheet.visible == SheetVisibleEnum.Visible]
    return sheets or tuple((shown or names)[:1])


def _looked_through(workbook: CalamineWorkbook, name: str, path: Path, table: str) -> _Sheet:
    cells = workbook.get_sheet_by_name(name)
    rows = _rows(cells)
    header = next(rows, None)
    if header is None:
        others = ", ".join(repr(other) for other in workbook.sheet_names if other != name) or "none"
        raise SourceError(
            f"{table}: sheet {name!r} of {path} is empty; the others are: {others}; name one as sheets under "
            f"[source.{table}]"
        )
    first = cells.start[1] if cells.start else 0
    kinds = _kinds(rows, len(header))
    columns = {}
    names = []
    for place, (title, kind) in enumerate(zip(header, kinds, strict=True)):
        called = plain_text(title)
        # formatted cells without a name and without a value are no column
        if called.strip() or kind:
            names.append(called if called.strip() else f"column_{first + place + 1}")
            columns[names[-1]] = _Column(place, kind)
    refuse_equal_names(names, f"{table}: sheet {name!r} of {path}")
    return _Sheet(name, cells, columns)


def _rows(cells: CalamineSheet) -> Iterator[list[Any]]:
    return (row for row in cells.iter_rows() if any(value != "" for value in row))


def _kinds(rows: Iterator[list[Any]], width: int) -> list[_Kind]:
    kinds = [_Kind(0)] * width
    while some := list(islice(rows, _BATCH_ROWS)):
        for place, values in enumerate(zip(*some, strict=True)):
            for kind in {_kind(value) for value in values if value != ""}:
                kinds[place] |= kind
    return kinds


def _kind(value: Any) -> _Kind:
    if isinstance(value, bool):
        return _Kind.TRUTH
    if isinstance(value, float | int):
        return _Kind.WHOLE if float(value).is_integer() and abs(value) < _LARGEST else _Kind.FRACTION
    return _Kind.TIME if isinstance(value, date) else _Kind.TEXT


def _schema(sheets: Sequence[_Sheet], path: Path, table: str) -> pa.Schema:
    first = sheets[0]
    kinds = {name: column.kind for name, column in first.columns.items()}
    for sheet in sheets[1:]:
        differing = sorted(first.columns.keys() ^ sheet.columns.keys())
        if differing:
            raise ContractError(
                f"{table}: sheets {first.name!r} and {sheet.name!r} of {path} have not the same columns: only one of "
                f"them has {', '.join(map(repr, differing))}; give both the same names, or read one alone"
            )
        kinds = {name: kind | sheet.columns[name].kind for name, kind in kinds.items()}
    return pa.schema([(name, _type(kind)) for name, kind in kinds.items()])


def _type(kind: _Kind) -> pa.DataType:
    types = {_Kind.WHOLE: pa.int64(), _Kind.TIME: pa.timestamp("us"), _Kind.TRUTH: pa.bool_()}
    return types.get(kind, pa.string())


def _array(values: list[Any], kind: pa.DataType, decimal: str) -> pa.Array:
    convert = _converter(kind, decimal)
    return pa.array([None if value == "" else convert(value) for value in values], kind)


def _converter(kind: pa.DataType, decimal: str) -> Callable[[Any], Any]:
    if pa.types.is_string(kind):
        return partial(plain_text, sign=decimal)
    if pa.types.is_integer(kind):
        return int
    return _moment if pa.types.is_timestamp(kind) else bool


def _moment(value: date) -> datetime:
    # a time at midnight comes as a date
    return value if isinstance(value, datetime) else datetime.combine(value, time.min)
