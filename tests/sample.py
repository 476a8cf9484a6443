"""Customers of a workspace as a caller would send them: with the complete history, as the kept tables have it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pyarrow.compute as pc
import pyarrow.parquet as pq

from models import columns as col
from models.contracts import DAY_OF
from models.settings import FeatureSettings

Customer = dict[str, Any]

INSTANTS: Mapping[str, str] = {
    col.ORDER_LINES: col.ORDERED_AT,
    col.CONTACTS: col.SENT_AT,
    col.EVENTS: col.OCCURRED_AT,
}
"""The tables that a history consists of, and the instant from which a row of each is known."""


def complete_histories(tables: Path, ids: list[str], as_of: date, settings: FeatureSettings) -> list[Customer]:
    """Return everything that is known of some customers before ``as_of``, in the order of ``ids``."""
    told: dict[str, Customer] = {
        each: {"customer_id": each, "as_of": as_of.isoformat(), **{table: [] for table in INSTANTS}, "attributes": {}}
        for each in ids
    }
    for table, instant in INSTANTS.items():
        for row in _rows(tables / f"{table}.parquet", ids, instant, as_of):
            told[row.pop(col.CUSTOMER_ID)][table].append(row)
    wanted = {col.JOINED_AT, *(attribute.name for attribute in settings.attributes)}
    for row in _rows(tables / f"{col.CUSTOMERS}.parquet", ids, col.VALID_FROM, as_of):
        own = told[row.pop(col.CUSTOMER_ID)]["attributes"]
        own |= {name: str(value) for name, value in row.items() if name in wanted}
    return [told[each] for each in ids]


def bodies(customers: Iterable[Customer], limit_bytes: int = 2**20) -> Iterator[bytes]:
    """Return requests of as many customers as fit into a call."""
    kept: list[bytes] = []
    for customer in map(orjson.dumps, customers):
        if kept and sum(map(len, kept)) + len(customer) > limit_bytes:
            yield _body(kept)
            kept = []
        kept.append(customer)
    if kept:
        yield _body(kept)


def _body(customers: list[bytes]) -> bytes:
    return b'{"customers": [' + b", ".join(customers) + b"]}"


def _rows(path: Path, ids: list[str], instant: str, as_of: date) -> Iterator[Customer]:
    table = pq.read_table(path, filters=pc.field(col.CUSTOMER_ID).isin(ids))
    for row in table.to_pylist():
        if row[instant] is None or row[instant].date() < as_of:
            # what was not known yet: an answer to a contact that came later
            known = {name: value for name, value in row.items() if not _later(value, as_of) and value is not None}
            yield {name: _plain(value) for name, value in known.items() if name not in DAY_OF.values()}


def _later(value: object, as_of: date) -> bool:
    return isinstance(value, datetime) and value.date() >= as_of


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
