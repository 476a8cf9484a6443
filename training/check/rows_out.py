"""The rows that were not kept, by rule, with examples read from the quarantine when they are shown."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import ibis
from ibis.backends.duckdb import Backend

from models import columns as col
from models.contracts import MALFORMED
from models.engines import NO_BAR
from models.settings import Settings
from training.check.terminal import most_first
from training.intake_report import IntakeReport
from training.quarantine import described, malformed_file, rejected_file, set_aside_file

EXAMPLES = 3
LONGEST_TEXT = 80


@dataclass(frozen=True)
class RowsOut:
    """Rows of one table that one rule kept out.

    Parameters
    ----------
    table, rule : str
        Which.
    kind : str
        ``rejected``, ``malformed`` or ``set aside``.
    describes : str
        Why.
    rows : int
        How many.
    file : Path
        Where all of them are.
    examples : tuple of tuple of (str, str)
        The first ones: what the source had, column by column; long texts are cut.
    """

    table: str
    rule: str
    kind: Literal["rejected", "malformed", "set aside"]
    describes: str
    rows: int
    file: Path
    examples: tuple[tuple[tuple[str, str], ...], ...]


def rows_out(report: IntakeReport, settings: Settings) -> tuple[RowsOut, ...]:
    """Collect what was not kept; nothing is shown of a file that is not there any more.

    Parameters
    ----------
    report : IntakeReport
        The counts.
    settings : Settings
        Where the quarantine is.
    """
    backend = ibis.duckdb.connect()
    try:
        backend.raw_sql(NO_BAR)
        return tuple(_collected(backend, report, settings.quarantine))
    finally:
        backend.disconnect()


def _collected(backend: Backend, report: IntakeReport, folder: Path) -> Iterator[RowsOut]:
    for table, counted in report.tables.items():
        for rule, rows in most_first(counted.rejected):
            malformed = rule == MALFORMED
            file = folder / (malformed_file(table) if malformed else rejected_file(table))
            kind: Literal["rejected", "malformed"] = "malformed" if malformed else "rejected"
            why = described(table, rule)
            yield RowsOut(table, rule, kind, why, rows, file, _examples(backend, file, rule))
        for rule, rows in most_first(counted.set_aside):
            file = folder / set_aside_file(table)
            why = described(table, rule)
            yield RowsOut(table, rule, "set aside", why, rows, file, _examples(backend, file, rule))


def _examples(backend: Backend, file: Path, rule: str) -> tuple[tuple[tuple[str, str], ...], ...]:
    if not file.is_file():
        return ()
    rows = backend.read_parquet(file)
    first = rows.filter(rows[col.RULE] == rule).drop(col.RULE).limit(EXAMPLES)
    return tuple(
        tuple((name, _cut(str(value))) for name, value in row.items() if value not in (None, ""))
        for row in first.to_pyarrow().to_pylist()
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}..."
