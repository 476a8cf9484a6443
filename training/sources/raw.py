"""What every source gives: raw tables, and the bench that they are laid on."""

from dataclasses import dataclass, field
from pathlib import Path

import ibis.expr.types as ir
from ibis.backends.duckdb import Backend

from models.source_settings import Notation
from training.progress import Progress, silent

SET_ASIDE = "set_aside"
"""Raw column: the name under which the configuration sets the row aside; null = it does not."""
MARKED_RETURN = "marked_return"
"""Raw column of order lines: whether the configured rule says that the line is a return; never null."""


def product_detail(column: str) -> str:
    """Name the raw column of order lines that holds a detail of the line's product: ``[source.products]`` from them."""
    return f"product_{column}"


@dataclass(frozen=True)
class Workbench:
    """Where a source lays its tables out.

    Parameters
    ----------
    connection : Backend
        DuckDB.
    folder : Path
        Working folder on the workspace's file system; removed after the intake.
    progress : Progress
        Told how much of a table has been read.
    """

    connection: Backend
    folder: Path
    progress: Progress = silent


@dataclass(frozen=True)
class RawTable:
    """One table of a source.

    Parameters
    ----------
    rows : ir.Table
        The contract's columns as far as the source has them, of whatever type, and maybe ``SET_ASIDE``,
        ``MARKED_RETURN``, ``product_detail`` and ``models.contracts.written`` columns. May be a stream: read it once.
    notation : Notation
        How the values are written.
    malformed : Path, optional
        Parquet file of the lines that are no row, complete when ``rows`` has been read:
        (rule string, file string, line int64 or null, text string); None = the source cannot have any.
    """

    rows: ir.Table
    notation: Notation = field(default_factory=Notation)
    malformed: Path | None = None
