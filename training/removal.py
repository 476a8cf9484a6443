"""Rows of given people taken out of intake's files: those files are written anew, all others stay the same."""

import os
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from models import columns as col
from training.forgotten import Register, parts_of
from training.notation import identifier

ID = "id"
"""Column of the table of ids to take out."""

_IDS = (col.CUSTOMER_ID, col.SOURCE_ID)
_TEXT = "text"  # of a line that is no row


@dataclass(frozen=True)
class Removal:
    """What one file lost.

    Parameters
    ----------
    rules : mapping of str to int
        Rule -> rows that it named; "" for rows of a file without rules.
    repeats : int
        How many of the rows repeated another one of them exactly.
    """

    rules: Mapping[str, int]
    repeats: int = 0

    @property
    def rows(self) -> int:
        """Rows in all."""
        return sum(self.rules.values())


def ids_in(connection: Backend, path: Path, ids: ir.Table) -> set[str]:
    """Return which of the ids a file of rows holds."""
    rows = connection.read_parquet(path)
    found: set[str] = set()
    for value in _written_ids(rows):
        found |= set(rows.select(**{ID: value}).semi_join(ids, ID).distinct().to_pyarrow()[ID].to_pylist())
    return found


def remove_rows(connection: Backend, path: Path, target: Path, ids: ir.Table) -> Removal:
    """Write a file without the rows of some people; a file without any of theirs stays the same file.

    Parameters
    ----------
    connection : Backend
        DuckDB that keeps the order of what it reads.
    path, target : Path
        Parquet files on one file system.
    ids : ir.Table
        (id), on the connection; all that the people are known by.
    """
    rows = connection.read_parquet(path)
    values = _written_ids(rows)
    if not values:
        return _unchanged(path, target)
    gone = ibis.or_(*(value.isin(ids[ID]) for value in values)).fill_null(False)
    theirs = rows.filter(gone)
    rule = theirs[col.RULE] if col.RULE in rows.columns else ibis.literal("")
    counts = theirs.group_by(rule=rule).agg(rows=theirs.count()).order_by("rule").to_pyarrow().to_pylist()
    if not counts:
        return _unchanged(path, target)
    removal = Removal(
        {each["rule"]: each["rows"] for each in counts},
        repeats=sum(each["rows"] for each in counts) - theirs.distinct().count().to_pyarrow().as_py(),
    )
    connection.to_parquet(rows.filter(~gone), target, compression="zstd")
    return removal


def remove_lines(path: Path, target: Path, register: Register) -> Removal:
    """Write the lines that are no row without those that mention an id of the register."""
    rules: Counter[str] = Counter()
    with pq.ParquetFile(path) as file, pq.ParquetWriter(target, file.schema_arrow, compression="zstd") as writer:
        for batch in file.iter_batches():
            texts = batch.column(_TEXT).to_pylist()
            gone = pa.array([register.mentioned_in(text) for text in texts], pa.bool_())
            rules.update(batch.filter(gone).column(col.RULE).to_pylist())
            writer.write_batch(batch.filter(pc.invert(gone)))
    return Removal(rules) if rules else _unchanged(path, target)


def mentioned(path: Path, ids: set[str]) -> set[str]:
    """Return which of the ids some line that is no row mentions."""
    found: set[str] = set()
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=[_TEXT]):
            for text in filter(None, batch.column(_TEXT).to_pylist()):
                found |= ids & parts_of(text)
    return found


def _written_ids(rows: ir.Table) -> list[ir.StringValue]:
    """Return the ids of rows; those of the quarantine, which are as the source has them, also without a fraction."""
    written = [rows[name] for name in _IDS if name in rows.columns]
    if col.RULE not in rows.columns:
        return written
    return [*written, *(identifier(value, through_float=True) for value in written)]


def _unchanged(path: Path, target: Path) -> Removal:
    target.unlink(missing_ok=True)
    try:
        os.link(path, target)
    except OSError:  # a file system without links
        shutil.copy2(path, target)
    return Removal({})
