"""Samples of a database's tables."""

import os
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import cast

import pyarrow as pa
from pydantic import SecretStr, ValidationError

from models import columns as col
from models.errors import ConfigError, ForesellError, MissingDependencyError, SourceError
from models.source_settings import OrderLinesSource, SourceSettings, TableSource
from training.initialise.sample import SAMPLE_ROWS, Sample, sample_of

_MOST_TABLES = 60
_PASSWORD_KEYS = ("password", "passwd", "pwd")
PASSWORD_VARIABLE = "FORESELL_SOURCE__PASSWORD"  # noqa: S105


def is_url(target: str) -> bool:
    """Say whether a target is a database's URL."""
    return "://" in target


def database_samples(target: str, workspace: Path) -> tuple[SourceSettings, list[Sample]]:
    """Read samples of a database's tables.

    Parameters
    ----------
    target : str
        The URL, maybe with a password, which is used and never written or shown.
    workspace : Path
        The folder that the path of a SQLite file starts at.

    Returns
    -------
    SourceSettings
        The URL without the password, and the password apart.
    list of Sample
        One a table that has rows.

    Raises
    ------
    ConfigError
        The URL cannot be read.
    SourceError, MissingDependencyError
        The database cannot be reached, or has no table.
    """
    from training.sources.database import sample, tables_of

    source = _without_password(target)
    found = tables_of(source, workspace)[:_MOST_TABLES]
    samples, faults = list[Sample](), list[ForesellError]()
    for name in found:
        try:
            rows = sample(source, name, SAMPLE_ROWS, workspace)
            whole = rows.num_rows < SAMPLE_ROWS
            samples.append(sample_of(rows, name=name, where=f"table {name!r}", place={"table": name}, whole=whole))
        except MissingDependencyError:
            raise
        except ForesellError as error:
            faults.append(error)  # one view that the user may not read, or an empty table
    if not samples:
        raise (
            faults[0] if faults else SourceError(f"{source.url} has no table that the user may read; check its rights")
        )
    return source, samples


def query_sample(source: SourceSettings, query: str, workspace: Path, *, name: str) -> Sample:
    """Read the first rows that a query gives.

    Raises
    ------
    SourceError, MissingDependencyError
        The database cannot be reached, or refuses the query.
    ContractError
        Two columns have one name, or there is no row.
    """
    from training.sources.sql_connection import place_of
    from training.sources.sql_reading import Reading

    place = place_of(source, workspace)
    with place.connection() as connection:
        schema, batches = Reading(connection, place, col.ORDER_LINES, TableSource(query=query)).stream()
        read, count = list[pa.RecordBatch](), 0
        with closing(cast("Generator[pa.RecordBatch, None, None]", batches)):
            for batch in batches:
                read.append(batch)
                count += batch.num_rows
                if count >= SAMPLE_ROWS:
                    break
    rows, whole = pa.Table.from_batches(read, schema=schema), count < SAMPLE_ROWS
    return sample_of(rows, name=name, where="the query", place={"query": query}, whole=whole)


def _without_password(target: str) -> SourceSettings:
    from sqlalchemy.engine import URL, make_url
    from sqlalchemy.exc import ArgumentError

    refused = ConfigError("the URL of the database cannot be read; it looks like postgresql://user@host:5432/shop")
    try:
        url = make_url(target)
    except (ArgumentError, ValueError):
        raise refused from None
    if url.host and target.count("@") > 1:
        raise ConfigError(
            "the URL of the database holds an '@' too many: percent-encode name and password (@ is %40, / is %2F), or "
            f"leave it out and set {PASSWORD_VARIABLE}"
        )
    in_query = [key for key in url.query if key.lower() in _PASSWORD_KEYS]
    given = [url.password, *(url.query[key] for key in in_query), os.environ.get(PASSWORD_VARIABLE)]
    password = next((str(each) for each in given if each), None)
    bare = URL.create(
        url.drivername,
        url.username,
        None,
        url.host,
        url.port,
        url.database,
        url.difference_update_query(in_query).query,
    )
    try:
        return SourceSettings(
            url=bare.render_as_string(hide_password=True),
            password=SecretStr(password) if password else None,
            # settings need a table; nothing reads this one
            order_lines=OrderLinesSource(table="unknown"),
        )
    except ValidationError:
        # pydantic would show what it refused
        raise refused from None
