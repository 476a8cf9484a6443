"""Sample rows of one table of a source, with what the configuration must say to read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from models.errors import ContractError
from training.sources.header import refuse_equal_names

SAMPLE_ROWS = 100_000
"""Rows of a sample, about; small files are read whole."""


@dataclass(frozen=True)
class Sample:
    """Rows of one table.

    Parameters
    ----------
    name : str
        What a person calls the table: the file, the sheet or the table of a database.
    where : str
        What messages call it.
    place : mapping
        The keys of ``TableSource`` that say where the table is and how it is written; a path is absolute.
    rows : DataFrame
        Text without blanks around it, missing where there is none, in the order of the source.
    kinds : mapping
        Column -> 'text', 'number', 'time' or 'boolean': what the source itself says.
    whole : bool
        Whether these are all rows.
    total : int
        How many rows the table has, about.
    notes : tuple of str
        What a person should know of the reading.
    unanswered : str
        What must be done before the table can be read whole; empty = nothing.
    """

    name: str
    where: str
    place: Mapping[str, Any]
    rows: pd.DataFrame
    kinds: Mapping[str, str]
    whole: bool
    total: int
    notes: tuple[str, ...] = ()
    unanswered: str = ""

    @property
    def title(self) -> str:
        """The table's name alone: without a file's ending, without a schema."""
        if "table" in self.place:
            return self.name.rsplit(".", 1)[-1]
        return str(self.place["sheets"][0]) if "sheets" in self.place else self.name.split(".", 1)[0]

    @property
    def size(self) -> str:
        """What was read, for a person."""
        return f"all {len(self.rows):,} rows" if self.whole else f"{len(self.rows):,} of about {self.total:,} rows"


def sample_of(
    table: pa.Table,
    *,
    name: str,
    where: str,
    place: Mapping[str, Any],
    whole: bool,
    total: int | None = None,
    notes: Sequence[str] = (),
) -> Sample:
    """Make a sample of typed rows.

    Raises
    ------
    ContractError
        Two columns have one name, or there is no row.
    """
    refuse_equal_names(table.column_names, where)
    if not table.num_rows:
        raise ContractError(f"{where} has columns and no rows; export it again")
    kinds = {field.name: _kind(field.type) for field in table.schema}
    rows = pd.DataFrame({column: _text(table[column]) for column in table.column_names})
    return Sample(name, where, place, rows, kinds, whole, total or table.num_rows, tuple(notes))


def _kind(type_: pa.DataType) -> str:
    if pa.types.is_boolean(type_):
        return "boolean"
    if pa.types.is_temporal(type_) and not pa.types.is_time(type_):
        return "time"
    number = pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_)
    return "number" if number else "text"


def _text(column: pa.ChunkedArray) -> "pd.Series[str]":
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        column = pa.chunked_array([pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.string())])
    plain = pc.utf8_trim_whitespace(column.cast(pa.string()))
    nothing = pc.is_in(plain, pa.array(["", "nan", "NaN"]))
    return pd.Series(pc.if_else(nothing, pa.scalar(None, pa.string()), plain).to_pandas(), dtype="str")
