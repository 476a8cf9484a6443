"""The kept tables, opened so that nobody reads half of one intake and half of the next."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from models.engines import Engine, open_duckdb
from models.errors import ConcurrentChangeError
from models.settings import Settings
from training.intake_report import IntakeReport, load_report

ANONYMOUS_SALES = "anonymous_sales.parquet"
"""File beside the kept tables: (product_id, order_day, lines) of sales without a customer, where they count."""


@contextmanager
def kept_tables(settings: Settings, report: IntakeReport | None = None) -> Iterator[Engine]:
    """Open the kept tables in DuckDB; what is read must be read before the end.

    Parameters
    ----------
    settings : Settings
        The workspace's configuration.
    report : IntakeReport, optional
        Of the tables that are meant; default: those of now.

    Raises
    ------
    SourceError
        There are no kept tables.
    ConcurrentChangeError
        An intake replaced the tables meanwhile: what was read is of no use.
    """
    meant = (report or load_report(settings)).fingerprint
    changed = ConcurrentChangeError(
        f"the tables in {settings.tables} were replaced while they were read; run the command again"
    )
    try:
        with open_duckdb(settings.tables) as engine:
            yield engine
    except duckdb.IOException:
        if load_report(settings).fingerprint != meant:
            raise changed from None
        raise
    if load_report(settings).fingerprint != meant:
        raise changed
